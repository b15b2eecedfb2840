// Gives files of root to the user that a service switches to.
#pragma once

#include <string>

#include "base/directory.h"
#include "base/result.h"
#include "base/user.h"
#include "service/switch_user.h"

namespace starttls::service {

// Changes the owner of the file of that name in a guarded directory (directory.h), where it is root's: a
// regular file with no other name, or a directory without its entries. Does nothing where it is missing, of
// another kind or of another user. Fault::permission.
Result<void> change_owner(const Directory& directory, const std::string& name, const User& user);

// Changes the owner of the directory, and of what is root's in it and in root's directories below it. Does
// nothing where the directory is not guarded: others could have put anything there, also links.
Result<void> change_owner_of_all(const Directory& directory, const User& user);

}  // namespace starttls::service
