// The users and groups of this machine.
#pragma once

#include <sys/types.h>

#include <string>

#include "base/result.h"

namespace starttls {

struct User {
  std::string name;
  uid_t uid = 0;
  gid_t gid = 0;
};

// With the named group or, where that is "", the user's own. Fault::config where there is no such user or
// group.
Result<User> find_user(const std::string& name, const std::string& group);
Result<gid_t> find_group(const std::string& name);

}  // namespace starttls
