#include "service/switch_user.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/file.h"
#include "base/text.h"
#include "base/user.h"

namespace starttls::service {
namespace {

std::unexpected<Error> cannot_switch(const User& user, std::string_view what) {
  return fail(Fault::permission, "cannot switch to user '{}': {}: {}", printable(user.name), what,
              errno_text(errno));
}

}  // namespace

Result<EffectiveUser> EffectiveUser::begin(uid_t uid, gid_t gid) {
  const int count = ::getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
  if (count < 0 || ::getgroups(count, groups.data()) < 0)
    return fail(Fault::permission, "getgroups: {}", errno_text(errno));
  EffectiveUser acting(::getegid(), std::move(groups));
  if (::setgroups(1, &gid) != 0 || ::setegid(gid) != 0 || ::seteuid(uid) != 0)
    return fail(Fault::permission, "cannot act as user {}: {}", uid, errno_text(errno));
  return acting;
}

EffectiveUser::EffectiveUser(EffectiveUser&& other) noexcept
    : active_(std::exchange(other.active_, false)), group_(other.group_), groups_(std::move(other.groups_)) {}

EffectiveUser::~EffectiveUser() {
  if (!active_) return;
  if (::seteuid(0) != 0 || ::setegid(group_) != 0 || ::setgroups(groups_.size(), groups_.data()) != 0)
    std::abort();
}

Result<void> switch_user(const User& user) {
  if (::getuid() == user.uid && ::geteuid() == user.uid && ::getgid() == user.gid) return {};
  if (::initgroups(user.name.c_str(), user.gid) != 0) return cannot_switch(user, "initgroups");
  if (::setresgid(user.gid, user.gid, user.gid) != 0) return cannot_switch(user, "setresgid");
  if (::setresuid(user.uid, user.uid, user.uid) != 0) return cannot_switch(user, "setresuid");
  const bool has_way_back = user.uid != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0);
  if (has_way_back || ::geteuid() != user.uid || ::getegid() != user.gid) {
    return fail(Fault::permission, "cannot switch to user '{}' for good", printable(user.name));
  }
  return {};
}

}  // namespace starttls::service
