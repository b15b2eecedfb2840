// Gives files of root's to the user that a service becomes.
#pragma once

#include <string>

#include "base/directory.h"
#include "base/result.h"
#include "base/user.h"
#include "service/switch_user.h"

namespace starttls::service {

// What has that name in a directory that is guarded (directory.h), where it is root's: a regular file with no
// other name, or a directory without what is in it. Nothing is done where it is missing, of another kind or
// of another user. Fault::permission.
Result<void> give(const Directory& directory, const std::string& name, const User& user);

// The directory itself, and what is root's in it and in directories of root's below it. Nothing is done where
// the directory is not guarded: others could put there, or link to, what is not meant.
Result<void> change_owner_of_all(const Directory& directory, const User& user);

}  // namespace starttls::service
