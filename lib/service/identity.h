// Who a service runs as: root opens what only root may, then becomes somebody else for good.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/result.h"

namespace starttls::service {

struct Identity {
  std::string user;
  uid_t uid = 0;
  gid_t gid = 0;
};

// A user of this machine, with the named group or, where it is "", its own. Fault::config where there is
// none.
Result<Identity> find_identity(const std::string& user, const std::string& group);
Result<gid_t> find_group(const std::string& group);

// Becomes that user, with its groups and no way back, which is verified. The whole process changes, so that
// no other thread may run yet. Nothing is to be done where we are that user already. Fault::permission.
Result<void> become(const Identity& identity);

}  // namespace starttls::service
