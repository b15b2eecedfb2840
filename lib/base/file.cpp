#include "base/file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "base/text.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

Fault fault_for_reading(int error) {
  return error == EACCES || error == EPERM ? Fault::permission : Fault::io;
}

std::unexpected<Error> too_large(std::string_view name, std::size_t limit) {
  return fail(Fault::data, "{}: larger than the limit of {} bytes", printable(name), limit);
}

struct Attributes {
  mode_t mode;
  uid_t owner = static_cast<uid_t>(-1);  // as in chown(2): no change
  gid_t group = static_cast<gid_t>(-1);
};

// Where the content really goes, and with which attributes.
struct Target {
  fs::path path;
  Attributes attributes;
};

Result<Target> target_of(const fs::path& path, mode_t mode_if_new) {
  const auto refuse = [&](std::string_view reason) {
    return fail(Fault::cannot_create, "{}: cannot write: {}", printable(path.string()), reason);
  };
  struct stat info{};
  if (::lstat(path.c_str(), &info) != 0) return Target{.path = path, .attributes = {.mode = mode_if_new}};
  fs::path target = path;
  if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    target = fs::canonical(path, error);
    if (error || ::stat(target.c_str(), &info) != 0) return refuse("the symbolic link leads nowhere");
  }
  if (!S_ISREG(info.st_mode)) return refuse("it is not a regular file");
  return Target{.path = target,
                .attributes = {.mode = info.st_mode & 07777U, .owner = info.st_uid, .group = info.st_gid}};
}

// A file that was created beside its final place; it is removed unless it was renamed there.
class Draft {
 public:
  static Result<Draft> beside(const fs::path& target) {
    std::string name = target.string() + ".new-XXXXXX";
    const int fd = ::mkostemp(name.data(), O_CLOEXEC);
    if (fd < 0) {
      return fail(Fault::cannot_create, "{}: cannot write there: {}", printable(target.string()),
                  errno_text(errno));
    }
    return Draft(UniqueFd(fd), name);
  }

  Draft(Draft&& other) noexcept : fd_(std::move(other.fd_)), name_(std::exchange(other.name_, {})) {}
  Draft& operator=(Draft&&) = delete;
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (!name_.empty()) ::unlink(name_.c_str());
  }

  // Returns 0 or the errno value of the step that failed.
  int fill(std::string_view content, const Attributes& attributes) {
    if (const int error = write_all(fd_.get(), content); error != 0) return error;
    // Only root may give a file away; for others it stays theirs.
    (void)!::fchown(fd_.get(), attributes.owner, attributes.group);
    if (::fchmod(fd_.get(), attributes.mode) != 0 || ::fsync(fd_.get()) != 0) return errno;
    return 0;
  }

  int rename_to(const fs::path& target) {
    if (::rename(name_.c_str(), target.c_str()) != 0) return errno;
    name_.clear();
    return 0;
  }

 private:
  Draft(UniqueFd fd, std::string name) : fd_(std::move(fd)), name_(std::move(name)) {}
  UniqueFd fd_;
  std::string name_;
};

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void UniqueFd::reset() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

Result<std::string> read_all(int fd, std::size_t limit, std::string_view name) {
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got == 0) return content;
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(fault_for_reading(errno), "{}: {}", printable(name), errno_text(errno));
    if (content.size() + static_cast<std::size_t>(got) > limit) return too_large(name, limit);
    content.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

Result<std::string> read_file(const fs::path& path, std::size_t limit) {
  if (path == "-") return read_all(STDIN_FILENO, limit, "standard input");
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(fault_for_reading(errno), "{}: {}", printable(path.string()), errno_text(errno));
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) {
    return fail(Fault::io, "{}: {}", printable(path.string()), errno_text(errno));
  }
  if (S_ISREG(info.st_mode) && static_cast<std::size_t>(info.st_size) > limit) {
    return too_large(path.string(), limit);
  }
  return read_all(fd.get(), limit, path.string());
}

int write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

Result<void> sync_directory(const fs::path& directory) {
  const fs::path name = directory.empty() ? fs::path(".") : directory;
  const UniqueFd fd(::open(name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!fd && errno == EACCES) return {};
  if (!fd || ::fsync(fd.get()) != 0) {
    return fail(Fault::io, "{}: {}", printable(name.string()), errno_text(errno));
  }
  return {};
}

bool has_content(const fs::path& path, std::string_view content) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  struct stat info{};
  if (!fd || ::fstat(fd.get(), &info) != 0) return false;
  if (!S_ISREG(info.st_mode) || static_cast<std::size_t>(info.st_size) != content.size()) return false;
  std::array<char, 65536> buffer;
  for (;;) {
    const ssize_t got = ::read(fd.get(), buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return false;
    if (got == 0) return content.empty();
    const std::string_view piece(buffer.data(), static_cast<std::size_t>(got));
    if (!content.starts_with(piece)) return false;
    content.remove_prefix(piece.size());
  }
}

Result<void> replace_file(const fs::path& path, std::string_view content, mode_t mode) {
  const auto target = target_of(path, mode);
  if (!target) return std::unexpected(target.error());
  auto draft = Draft::beside(target->path);
  if (!draft) return std::unexpected(draft.error());
  int error = draft->fill(content, target->attributes);
  if (error == 0) error = draft->rename_to(target->path);
  if (error != 0) {
    return fail(Fault::cannot_create, "{}: cannot write: {}", printable(path.string()), errno_text(error));
  }
  return sync_directory(target->path.parent_path());
}

}  // namespace starttls
