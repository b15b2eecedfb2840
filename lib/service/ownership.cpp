#include "service/ownership.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string_view>

#include "base/text.h"
#include "base/try.h"
#include "base/user.h"

namespace starttls::service {
namespace {

constexpr int max_depth = 20;  // levels of directories

std::unexpected<Error> cannot_change_owner(std::string_view path, const User& user, int error) {
  return fail(Fault::permission, "{}: cannot change its owner to '{}': {}", printable(path),
              printable(user.name), errno_text(error));
}

// A file in a directory, kept open by its descriptor (O_PATH).
struct Found {
  UniqueFd fd;
  struct stat info{};
};

Found find(int directory, const std::string& name) {
  Found found{.fd = UniqueFd(::openat(directory, name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC))};
  if (found.fd && ::fstat(found.fd.get(), &found.info) != 0) found.fd.reset();
  return found;
}

// A file with several hard links may be in another directory, too.
bool may_change_owner(const struct stat& info) {
  return info.st_uid == 0 && (S_ISDIR(info.st_mode) || (S_ISREG(info.st_mode) && info.st_nlink == 1));
}

Result<void> change_owner(const Found& found, const std::string& path, const User& user) {
  if (::fchownat(found.fd.get(), "", user.uid, user.gid, AT_EMPTY_PATH) == 0) return {};
  return cannot_change_owner(path, user, errno);
}

// From the bottom up: a directory is not read any more after its owner has changed.
Result<void> change_owner_inside(int directory, const std::string& path, const User& user, int depth) {
  if (depth > max_depth) return {};
  for (const std::string& name : list_entries(directory)) {
    const Found found = find(directory, name);
    if (!found.fd || !may_change_owner(found.info)) continue;
    const std::string place = fmt::format("{}/{}", path, name);
    const bool others_write = (found.info.st_mode & (S_IWGRP | S_IWOTH)) != 0;
    if (S_ISDIR(found.info.st_mode) && !others_write) {
      TRY(change_owner_inside(found.fd.get(), place, user, depth + 1));
    }
    TRY(change_owner(found, place, user));
  }
  return {};
}

}  // namespace

Result<void> change_owner(const Directory& directory, const std::string& name, const User& user) {
  if (!directory.is_guarded()) return {};
  const Found found = find(directory.fd(), name);
  if (!found.fd || !may_change_owner(found.info)) return {};
  return change_owner(found, (directory.path() / name).string(), user);
}

Result<void> change_owner_of_all(const Directory& directory, const User& user) {
  if (!directory.is_guarded() || directory.owner() != 0) return {};
  const std::string path = directory.path().string();
  TRY(change_owner_inside(directory.fd(), path, user, 0));
  if (::fchownat(directory.fd(), "", user.uid, user.gid, AT_EMPTY_PATH) == 0) return {};
  return cannot_change_owner(path, user, errno);
}

}  // namespace starttls::service
