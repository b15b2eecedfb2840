#include "base/user.h"

#include <grp.h>
#include <pwd.h>

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

}  // namespace starttls
