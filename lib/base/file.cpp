#include "base/file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <system_error>

#include "base/text.h"
#include "base/try.h"

namespace starttls {
namespace {

namespace fs = std::filesystem;

std::unexpected<Error> too_large(std::string_view name, std::size_t limit) {
  return fail(Fault::data, "{}: larger than the limit of {} bytes", printable(name), limit);
}

// Reads until the buffer is full or the file ends; -1 on an error.
ssize_t read_full(int fd, std::span<char> into, off_t from) {
  std::size_t size = 0;
  while (size < into.size()) {
    const ssize_t got = ::pread(fd, into.data() + size, into.size() - size, from + static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return -1;
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  return static_cast<ssize_t>(size);
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  if (this != &other) {
    reset();
    fd_ = std::exchange(other.fd_, -1);
  }
  return *this;
}

void UniqueFd::reset() {
  if (fd_ < 0) return;
  const int error = errno;
  ::close(fd_);
  errno = error;
  fd_ = -1;
}

std::string errno_text(int error) {
  return std::generic_category().message(error);
}

std::unexpected<Error> cannot_read(std::string_view name, int error) {
  return fail(error == EACCES || error == EPERM ? Fault::permission : Fault::io, "{}: {}", printable(name),
              errno_text(error));
}

Fault write_fault(int error) {
  const bool disk = error == ENOSPC || error == EDQUOT || error == EIO || error == EFBIG;
  return disk ? Fault::io : Fault::cannot_create;
}

ReadBytes byte_reader(std::string_view bytes) {
  return [rest = bytes](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t size = rest.copy(into.data(), into.size());
    rest.remove_prefix(size);
    return size;
  };
}

ReadBytes chain(std::string_view first, const ReadBytes& rest) {
  return [from_first = byte_reader(first), &rest](std::span<char> into) -> Result<std::size_t> {
    const auto got = from_first(into);
    return got && *got == 0 ? rest(into) : got;
  };
}

Result<std::size_t> read_full(const ReadBytes& bytes, std::span<char> into) {
  std::size_t size = 0;
  while (size < into.size()) {
    const auto got = TRY(bytes(into.subspan(size)));
    if (got == 0) break;
    size += got;
  }
  return size;
}

std::string_view file_type_name(mode_t mode) {
  if (S_ISFIFO(mode)) return "a named pipe, not a regular file";
  if (S_ISSOCK(mode)) return "a socket, not a regular file";
  if (S_ISDIR(mode)) return "a directory, not a regular file";
  if (S_ISCHR(mode) || S_ISBLK(mode)) return "a device, not a regular file";
  return "not a regular file";
}

std::string_view irregular_file_type(const fs::path& path) {
  struct stat info{};
  if (::stat(path.c_str(), &info) != 0 || S_ISREG(info.st_mode)) return "";
  return file_type_name(info.st_mode);
}

UniqueFd open_regular(int directory, const char* name, int flags) {
  // First get a descriptor with O_PATH, which does not open the file. The file behind this descriptor cannot
  // be replaced between the check of its type and the second open(2).
  const UniqueFd found(::openat(directory, name, O_PATH | O_CLOEXEC | (flags & O_NOFOLLOW)));
  struct stat info{};
  if (!found || ::fstat(found.get(), &info) != 0) return {};
  if (!S_ISREG(info.st_mode)) {
    errno = S_ISLNK(info.st_mode) ? ELOOP : ENOTSUP;
    return {};
  }
  constexpr int always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const std::string itself = "/proc/self/fd/" + std::to_string(found.get());
  UniqueFd fd(::open(itself.c_str(), (flags & ~O_NOFOLLOW) | always));
  if (fd || errno != ENOENT) return fd;
  // Without /proc the file must be opened by its name again.
  fd = UniqueFd(::openat(directory, name, flags | always));
  struct stat opened{};
  if (fd && (::fstat(fd.get(), &opened) != 0 || !S_ISREG(opened.st_mode))) {
    fd.reset();
    errno = ENOTSUP;
  }
  return fd;
}

Result<UniqueFd> open_file(const fs::path& path, std::size_t limit, FileKind kind) {
  UniqueFd fd = kind == FileKind::regular ? open_regular(AT_FDCWD, path.c_str())
                                          : UniqueFd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY));
  if (!fd && kind == FileKind::regular && errno == ENOTSUP) {
    const std::string_view why = irregular_file_type(path);
    return fail(Fault::io, "{}: {}", printable(path.string()), why.empty() ? "not a regular file" : why);
  }
  if (!fd) return cannot_read(path.string(), errno);
  if (limit == std::numeric_limits<std::size_t>::max()) return fd;  // no file is larger
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return cannot_read(path.string(), errno);
  if (S_ISREG(info.st_mode) && static_cast<std::size_t>(info.st_size) > limit) {
    return too_large(path.string(), limit);
  }
  return fd;
}

Result<std::size_t> read_some(int fd, std::span<char> into, std::string_view name) {
  for (;;) {
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) return cannot_read(name, errno);
  }
}

Result<std::string> read_all(int fd, std::size_t limit, std::string_view name) {
  std::string content;
  std::array<char, 65536> buffer;
  for (;;) {
    const auto got = TRY(read_some(fd, buffer, name));
    if (got == 0) return content;
    if (content.size() + got > limit) return too_large(name, limit);
    content.append(buffer.data(), got);
  }
}

Result<std::string> read_file(const fs::path& path, std::size_t limit, FileKind kind) {
  if (kind == FileKind::any && path == "-") return read_all(STDIN_FILENO, limit, "standard input");
  const auto fd = TRY(open_file(path, limit, kind));
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

Result<void> lock(const UniqueFd& fd, const fs::path& path, std::string_view busy) {
  if (::flock(fd.get(), LOCK_EX | LOCK_NB) == 0) return {};
  const bool is_busy = errno == EWOULDBLOCK;
  return fail(is_busy ? Fault::temporary : Fault::io, "{}: {}", printable(path.string()),
              is_busy ? busy : errno_text(errno));
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

bool same_content(int a, int b) {
  std::array<char, 65536> of_a;
  std::array<char, 65536> of_b;
  for (off_t at = 0;; at += static_cast<off_t>(of_a.size())) {
    const ssize_t size = read_full(a, of_a, at);
    if (size < 0 || size != read_full(b, of_b, at)) return false;
    const auto bytes = static_cast<std::size_t>(size);
    if (std::string_view(of_a.data(), bytes) != std::string_view(of_b.data(), bytes)) return false;
    if (bytes < of_a.size()) return true;
  }
}

bool same_content(const fs::path& a, const fs::path& b) {
  const auto fd_of_a = open_file(a, std::numeric_limits<std::size_t>::max());
  const auto fd_of_b = open_file(b, std::numeric_limits<std::size_t>::max());
  return fd_of_a && fd_of_b && same_content(fd_of_a->get(), fd_of_b->get());
}

}  // namespace starttls
