// Who a service runs as: root opens what only root may, then becomes somebody else for good.
#pragma once

#include <sys/types.h>

#include <utility>
#include <vector>

#include "base/result.h"
#include "base/user.h"

namespace starttls::service {

// Has the rights of a user, with one group, for as long as it lives; root may come back, and is not to be
// signalled or traced by that user meanwhile. For what root does in a directory of that user: it can do no
// more there than the user could. The whole process changes, so that no other thread may run yet.
class EffectiveUser {
 public:
  static Result<EffectiveUser> begin(uid_t uid, gid_t gid);
  EffectiveUser(EffectiveUser&& other) noexcept;
  EffectiveUser& operator=(EffectiveUser&&) = delete;
  EffectiveUser(const EffectiveUser&) = delete;
  EffectiveUser& operator=(const EffectiveUser&) = delete;
  // Ends the process where root cannot come back.
  ~EffectiveUser();

 private:
  EffectiveUser(gid_t group, std::vector<gid_t> groups) : group_(group), groups_(std::move(groups)) {}
  bool active_ = true;
  gid_t group_;  // of root
  std::vector<gid_t> groups_;
};

// Becomes that user, with its groups and no way back, which is verified. The whole process changes, so that
// no other thread may run yet. Nothing is to be done where we are that user already. Fault::permission.
Result<void> become(const User& user);

}  // namespace starttls::service
