#include "base/user.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/text.h"

namespace starttls {
namespace {

constexpr std::size_t entry_size = 65536;  // bytes; enough for a group with very many members

}  // namespace

Result<gid_t> find_group(const std::string& name) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(entry_size);
  ::getgrnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(Fault::config, "there is no group '{}'", printable(name));
  return entry.gr_gid;
}

Result<User> find_user(const std::string& name) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(entry_size);
  ::getpwnam_r(name.c_str(), &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return fail(Fault::config, "there is no user '{}'", printable(name));
  return User{.name = name, .uid = entry.pw_uid, .gid = entry.pw_gid};
}

bool is_member(gid_t group) {
  if (group == ::getegid()) return true;
  std::vector<gid_t> ours(static_cast<std::size_t>(std::max(::getgroups(0, nullptr), 0)));
  return ::getgroups(static_cast<int>(ours.size()), ours.data()) >= 0 &&
         std::ranges::find(ours, group) != ours.end();
}

}  // namespace starttls
