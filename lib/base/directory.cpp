#include "base/directory.h"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>
#include <deque>
#include <optional>
#include <utility>

#include "base/text.h"
#include "base/try.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

constexpr int max_links = 40;  // on one path, the kernel's limit (path_resolution(7))
constexpr mode_t new_directory_mode = 0755;

bool is_ours(uid_t owner) {
  return owner == 0 || owner == ::geteuid();
}

constexpr std::string_view foreign_link = "a symbolic link that another user could have made is not followed";

std::deque<std::string> names_of(const fs::path& path) {
  std::deque<std::string> names;
  for (const fs::path& name : path.relative_path()) {
    if (!name.empty() && name != ".") names.push_back(name.string());
  }
  return names;
}

Result<std::string> target_of(int link) {
  std::array<char, PATH_MAX> target{};
  const ssize_t size = ::readlinkat(link, "", target.data(), target.size());
  if (size < 0) return fail(Fault::cannot_create, "{}", errno_text(errno));
  return std::string(target.data(), static_cast<std::size_t>(size));
}

}  // namespace

// Follows the path to a directory, or to a file in it, one name at a time.
class DirectoryWalk {
 public:
  DirectoryWalk(fs::path path, bool makes) : path_(std::move(path)), makes_(makes) {}

  Result<Directory> to_directory() {
    auto done = begin(path_);
    while (done && !names_.empty()) done = step();
    if (!done) return std::unexpected(done.error());
    return finished();
  }

  Result<DirectoryEntry> to_file() {
    const std::string last = path_.filename().string();
    if (last.empty() || last == "." || last == "..") return cannot("it is not the name of a file");
    auto done = begin(path_);
    for (; done; done = follow_last()) {
      while (done && names_.size() > 1) done = step();
      if (!done || names_.empty()) break;
      const auto is_link = TRY(last_is_link());
      if (is_link) continue;
      std::string name = names_.front();
      return DirectoryEntry{.directory = finished(), .name = std::move(name)};
    }
    if (!done) return std::unexpected(done.error());
    return cannot("the symbolic link leads to a directory");
  }

 private:
  std::unexpected<Error> cannot(std::string_view why) const {
    return fail(Fault::cannot_create, "{}: {}", printable(path_.string()), why);
  }
  std::unexpected<Error> cannot(int error) const {
    if (error == ENOENT && last_followed_) return cannot("the symbolic link leads nowhere");
    return fail(write_fault(error), "{}: {}", printable(path_.string()), errno_text(error));
  }

  Directory finished() {
    at_.path_ = path_;
    return std::move(at_);
  }

  // Starts at the root for an absolute path, otherwise at the directory that was reached.
  Result<void> begin(const fs::path& path) {
    const std::deque<std::string> names = names_of(path);
    names_.insert(names_.begin(), names.begin(), names.end());
    if (at_.fd_ && !path.is_absolute()) return {};
    UniqueFd fd(::open(path.is_absolute() ? "/" : ".", O_PATH | O_DIRECTORY | O_CLOEXEC));
    if (!fd) return cannot(errno);
    return enter(std::move(fd), true);
  }

  // `guarded`: only root or we can have put it there.
  Result<void> enter(UniqueFd fd, bool guarded) {
    struct stat info{};
    if (::fstat(fd.get(), &info) != 0) return cannot(errno);
    const bool group_writes = (info.st_mode & S_IWGRP) != 0 && info.st_gid != ::getegid();
    const bool others_write = (info.st_mode & S_IWOTH) != 0 || group_writes;
    at_.fd_ = std::move(fd);
    at_.owner_ = info.st_uid;
    at_.group_ = info.st_gid;
    at_.way_guarded_ = guarded;
    at_.exclusive_ = is_ours(info.st_uid) && !others_write;
    at_.sticky_ = is_ours(info.st_uid) && (info.st_mode & S_ISVTX) != 0;
    return {};
  }

  // Whether only root or we could have created an entry with this owner.
  bool is_guarded(uid_t owner) const {
    return at_.way_guarded_ && (at_.exclusive_ || (at_.sticky_ && is_ours(owner)));
  }

  Result<void> step() {
    const std::string name = std::move(names_.front());
    names_.pop_front();
    const auto open_next = [&] {
      return UniqueFd(::openat(at_.fd_.get(), name.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
    };
    UniqueFd next = open_next();
    if (!next && errno == ENOENT && makes_ && is_guarded(::geteuid())) {
      if (::mkdirat(at_.fd_.get(), name.c_str(), new_directory_mode) != 0 && errno != EEXIST)
        return cannot(errno);
      next = open_next();
    }
    if (!next && errno == ENOTDIR) return follow(name);
    struct stat info{};
    if (!next || ::fstat(next.get(), &info) != 0) return cannot(errno);
    const bool guarded = name == ".." ? at_.way_guarded_ : is_guarded(info.st_uid);
    return enter(std::move(next), guarded);
  }

  Result<void> follow(const std::string& name) {
    const UniqueFd link(::openat(at_.fd_.get(), name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC));
    struct stat info{};
    if (!link || ::fstat(link.get(), &info) != 0) return cannot(errno);
    if (!S_ISLNK(info.st_mode)) return cannot(ENOTDIR);
    if (!is_guarded(info.st_uid)) {
      return fail(Fault::cannot_create, "{}: {}: {}", printable(path_.string()), printable(name),
                  foreign_link);
    }
    if (++links_ > max_links) return cannot(ELOOP);
    const auto target = target_of(link.get());
    if (!target) return cannot(target.error().message);
    return begin(*target);
  }

  Result<bool> last_is_link() {
    struct stat info{};
    if (::fstatat(at_.fd_.get(), names_.front().c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0)
      return S_ISLNK(info.st_mode);
    if (errno == ENOENT && !last_followed_) return false;
    return cannot(errno);
  }

  Result<void> follow_last() {
    const std::string name = std::move(names_.front());
    names_.pop_front();
    last_followed_ = true;
    return follow(name);
  }

  fs::path path_;
  bool makes_;
  int links_ = 0;
  bool last_followed_ = false;
  std::deque<std::string> names_;  // not followed yet
  Directory at_;
};

Result<Directory> Directory::open(const fs::path& path) {
  return DirectoryWalk(path, false).to_directory();
}

Result<Directory> Directory::make(const fs::path& path) {
  return DirectoryWalk(path, true).to_directory();
}

UniqueFd Directory::readable() const {
  return UniqueFd(::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Result<void> Directory::sync() const {
  const UniqueFd fd = readable();
  if (!fd && errno == EACCES) return {};
  if (!fd || ::fsync(fd.get()) != 0)
    return fail(Fault::io, "{}: {}", printable(path_.string()), errno_text(errno));
  return {};
}

Result<DirectoryEntry> find_entry(const fs::path& path) {
  return DirectoryWalk(path, false).to_file();
}

std::vector<std::string> list_entries(int directory) {
  std::vector<std::string> names;
  const int readable = ::openat(directory, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR* const listing = readable < 0 ? nullptr : ::fdopendir(readable);
  if (listing == nullptr) {
    if (readable >= 0) ::close(readable);
    return names;
  }
  // No other thread uses this listing. NOLINTNEXTLINE(concurrency-mt-unsafe)
  while (const dirent* const entry = ::readdir(listing)) {
    const std::string_view name = static_cast<const char*>(entry->d_name);
    if (name != "." && name != "..") names.emplace_back(name);
  }
  ::closedir(listing);
  return names;
}

std::string path_below(int directory, std::string_view name) {
  return fmt::format("/proc/self/fd/{}/{}", directory, name);
}

}  // namespace starttls
