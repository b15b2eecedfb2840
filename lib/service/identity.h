// Who a service runs as: root opens what only root may, then becomes somebody else for good.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

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

// Has the rights of a user, with one group, for as long as it lives; root may come back, and is not to be
// signalled or traced by that user meanwhile. For what root does in a directory of that user: it can do no
// more there than the user could. The whole process changes, so that no other thread may run yet.
class ActingAs {
 public:
  static Result<ActingAs> begin(uid_t uid, gid_t gid);
  ActingAs(ActingAs&& other) noexcept;
  ActingAs& operator=(ActingAs&&) = delete;
  ActingAs(const ActingAs&) = delete;
  ActingAs& operator=(const ActingAs&) = delete;
  // Ends the process where root cannot come back.
  ~ActingAs();

 private:
  ActingAs(gid_t group, std::vector<gid_t> groups) : group_(group), groups_(std::move(groups)) {}
  bool active_ = true;
  gid_t group_;  // of root
  std::vector<gid_t> groups_;
};

// Becomes that user, with its groups and no way back, which is verified. The whole process changes, so that
// no other thread may run yet. Nothing is to be done where we are that user already. Fault::permission.
Result<void> become(const Identity& identity);

}  // namespace starttls::service
