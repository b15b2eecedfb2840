#include "service/identity.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <vector>

#include "base/file.h"
#include "base/text.h"

namespace starttls::service {
namespace {

constexpr std::size_t entry_size = 65536;  // bytes; of one with very many members

std::unexpected<Error> cannot_become(const Identity& identity, std::string_view what) {
  return fail(Fault::permission, "cannot become user '{}': {}: {}", printable(identity.user), what,
              errno_text(errno));
}

}  // namespace

Result<gid_t> find_group(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(entry_size);
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(Fault::config, "there is no group '{}'", printable(name));
  return entry.gr_gid;
}

Result<Identity> find_identity(const std::string& user, const std::string& group) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(entry_size);
  ::getpwnam_r(user.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(Fault::config, "there is no user '{}'", printable(user));
  Identity identity{.user = user, .uid = entry.pw_uid, .gid = entry.pw_gid};
  if (group.empty()) return identity;
  const auto gid = find_group(group);
  if (!gid) return std::unexpected(gid.error());
  identity.gid = *gid;
  return identity;
}

Result<ActingAs> ActingAs::begin(uid_t uid, gid_t gid) {
  const int count = ::getgroups(0, nullptr);
  std::vector<gid_t> groups(static_cast<std::size_t>(std::max(count, 0)));
  if (count < 0 || ::getgroups(count, groups.data()) < 0)
    return fail(Fault::permission, "getgroups: {}", errno_text(errno));
  ActingAs acting(::getegid(), std::move(groups));
  if (::setgroups(1, &gid) != 0 || ::setegid(gid) != 0 || ::seteuid(uid) != 0)
    return fail(Fault::permission, "cannot act as user {}: {}", uid, errno_text(errno));
  return acting;
}

ActingAs::ActingAs(ActingAs&& other) noexcept
    : active_(std::exchange(other.active_, false)), group_(other.group_), groups_(std::move(other.groups_)) {}

ActingAs::~ActingAs() {
  if (!active_) return;
  if (::seteuid(0) != 0 || ::setegid(group_) != 0 || ::setgroups(groups_.size(), groups_.data()) != 0)
    std::abort();
}

Result<void> become(const Identity& identity) {
  if (::getuid() == identity.uid && ::geteuid() == identity.uid && ::getgid() == identity.gid) return {};
  if (::initgroups(identity.user.c_str(), identity.gid) != 0) return cannot_become(identity, "initgroups");
  if (::setresgid(identity.gid, identity.gid, identity.gid) != 0) return cannot_become(identity, "setresgid");
  if (::setresuid(identity.uid, identity.uid, identity.uid) != 0) return cannot_become(identity, "setresuid");
  const bool has_way_back = identity.uid != 0 && (::setuid(0) == 0 || ::seteuid(0) == 0);
  if (has_way_back || ::geteuid() != identity.uid || ::getegid() != identity.gid) {
    return fail(Fault::permission, "cannot become user '{}' for good", printable(identity.user));
  }
  return {};
}

}  // namespace starttls::service
