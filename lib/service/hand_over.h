// Gives files of root's to the user that a service becomes.
#pragma once

#include <string>

#include "base/directory.h"
#include "base/result.h"
#include "service/identity.h"

namespace starttls::service {

// What has that name in a directory that is guarded (directory.h), where it is root's: a regular file with no
// other name, or a directory without what is in it. Nothing is done where it is missing, of another kind or
// of another user. Fault::permission.
Result<void> give(const Directory& directory, const std::string& name, const Identity& identity);

// The directory itself, and what is root's in it and in directories of root's below it. Nothing is done where
// the directory is not guarded: others could put there, or link to, what is not meant.
Result<void> give_all(const Directory& directory, const Identity& identity);

}  // namespace starttls::service
