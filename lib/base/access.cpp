#include "base/access.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <optional>
#include <vector>

#include "base/text.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t entry_size = 65536;  // bytes; enough for a group with very many members

std::string user_name(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  std::vector<char> buffer(entry_size);
  ::getpwuid_r(uid, &entry, buffer.data(), buffer.size(), &found);
  return found != nullptr ? entry.pw_name : fmt::to_string(uid);
}

struct Group {
  std::string name;
  bool has_member = false;
};

Group find_group(gid_t gid, const std::string& member) {
  group entry{};
  group* found = nullptr;
  std::vector<char> buffer(entry_size);
  ::getgrgid_r(gid, &entry, buffer.data(), buffer.size(), &found);
  if (found == nullptr) return {.name = fmt::to_string(gid)};
  Group group{.name = entry.gr_name};
  for (char** name = entry.gr_mem; *name != nullptr; ++name) group.has_member |= member == *name;
  return group;
}

// The file itself or, where stat(2) fails, the directory on its path that denies access.
std::optional<std::pair<fs::path, struct stat>> first_visible(fs::path path) {
  for (;;) {
    struct stat info{};
    if (::stat(path.c_str(), &info) == 0) return std::pair(path, info);
    fs::path parent = path.parent_path();
    if (parent == path || parent.empty()) return std::nullopt;
    path = std::move(parent);
  }
}

}  // namespace

std::string access_advice(const Denied& denied) {
  if (denied.is_readable) {
    return fmt::format("only {0} and root may change it: sudo -u {0} {1} ...", denied.owner, denied.program);
  }
  const bool group_may_read = (denied.mode & S_IRGRP) != 0 && !denied.is_root;
  if (!group_may_read) return {};
  if (denied.is_a_member) {
    return fmt::format("user {} is in group {}, which may read it, from the next login on", denied.user,
                       denied.group);
  }
  return fmt::format("members of group {0} may read it: adduser {1} {0} (as root), then log in again",
                     denied.group, denied.user);
}

Error with_access_advice(Error error, const fs::path& path, std::string_view program) {
  if (!error.message.starts_with(printable(path.string()))) return error;
  // A program that reads a configuration reports every error as Fault::config.
  const bool is_unreadable = ::faccessat(AT_FDCWD, path.c_str(), R_OK, AT_EACCESS) != 0 && errno == EACCES;
  if (error.fault != Fault::permission && !is_unreadable) return error;
  const auto visible = first_visible(path);
  if (!visible) return error;
  const auto& [denied, info] = *visible;
  const std::string user = user_name(::geteuid());
  const Group group = find_group(info.st_gid, user);
  const int needed = S_ISDIR(info.st_mode) ? R_OK | X_OK : R_OK;
  const std::string advice =
      access_advice({.owner = user_name(info.st_uid),
                     .group = group.name,
                     .mode = info.st_mode,
                     .is_root = info.st_gid == 0,
                     .user = user,
                     .is_readable = ::faccessat(AT_FDCWD, denied.c_str(), needed, AT_EACCESS) == 0,
                     .is_a_member = group.has_member,
                     .program = std::string(program)});
  if (!advice.empty()) error.message += "; " + advice;
  return error;
}

}  // namespace starttls
