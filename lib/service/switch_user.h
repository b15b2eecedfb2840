// Switches the user of a service: root opens what only root may, then becomes another user for good.
#pragma once

#include <sys/types.h>

#include <utility>
#include <vector>

#include "base/result.h"
#include "base/user.h"

namespace starttls::service {

// Gives root the rights of a user, with one group, while it lives; that user can neither signal nor trace the
// process. For what root does in a directory of that user: it can do no more there than the user could. The
// whole process changes, so that no other thread may run yet.
class EffectiveUser {
 public:
  static Result<EffectiveUser> begin(uid_t uid, gid_t gid);
  EffectiveUser(EffectiveUser&& other) noexcept;
  EffectiveUser& operator=(EffectiveUser&&) = delete;
  EffectiveUser(const EffectiveUser&) = delete;
  EffectiveUser& operator=(const EffectiveUser&) = delete;
  // Back to root; aborts where that fails.
  ~EffectiveUser();

 private:
  EffectiveUser(gid_t group, std::vector<gid_t> groups) : group_(group), groups_(std::move(groups)) {}
  bool active_ = true;
  gid_t group_;  // of root
  std::vector<gid_t> groups_;
};

// Becomes that user, with its groups and no way back, which is verified. The whole process changes, so that
// no other thread may run yet. Does nothing where the process has that user already. Fault::permission.
Result<void> switch_user(const User& user);

}  // namespace starttls::service
