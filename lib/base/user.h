// The users and groups of this machine.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace starttls {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;  // of the user, unless the caller sets another
};

// Fault::config where there is no such user or group.
Result<User> find_user(const std::string& name);
Result<gid_t> find_group(const std::string& name);

// Whether this process is in the group.
bool is_member(gid_t group);

}  // namespace starttls
