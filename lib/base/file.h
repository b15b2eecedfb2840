// Reading files, with a limit on their size. For writing see atomic_file.h.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

namespace starttls {

// Owns a file descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  // Gives up ownership of the descriptor.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  // Closes the descriptor. Here and at the end of its life errno stays, so that it still says what failed before.
  void reset();

 private:
  int fd_ = -1;
};

// "No such file or directory" for an errno value.
std::string errno_text(int error);

// What a path may lead to.
enum class FileKind {
  // A regular file: for paths from a configuration or a state directory. Anything else is rejected without
  // opening it: opening a pipe can block for ever, and opening a device can have effects.
  regular,
  // Anything that can be read: for arguments of the command line, such as /dev/stdin or a shell's <(...).
  // Opening a pipe waits for its writer.
  any,
};

// The whole file. A file over `limit` bytes is Fault::data and is not read; one that cannot be opened or
// read, or is of another kind, is Fault::io (Fault::permission where access is denied). With FileKind::any
// the path "-" is standard input.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit,
                              FileKind kind = FileKind::regular);

// Reads the next bytes, at most as many as the span holds. 0 at the end, and from then on.
using ReadBytes = std::function<Result<std::size_t>(std::span<char>)>;

// Reads bytes in memory, which must outlive it.
ReadBytes byte_reader(std::string_view bytes);
// Reads `first`, then `rest`; both must outlive it.
ReadBytes chain(std::string_view first, const ReadBytes& rest);
// Reads until the span is full or the end is reached; returns the number of bytes.
Result<std::size_t> read_full(const ReadBytes& bytes, std::span<char> into);

// Opens a file for reading, unless it is larger than `limit` bytes. Errors as of read_file().
Result<UniqueFd> open_file(const std::filesystem::path& path, std::size_t limit,
                           FileKind kind = FileKind::regular);

// The file of that name in an open directory (AT_FDCWD: a path), for reading. -1, with errno set, where it
// cannot be opened; ENOTSUP where it is no regular file. `flags` of open(2), such as O_NOFOLLOW, are added.
UniqueFd open_regular(int directory, const char* name, int flags = 0);

// "a named pipe, not a regular file": for the mode of stat(2).
std::string_view file_type_name(mode_t mode);
// The same for a path. "" where it is a regular file or stat(2) fails.
std::string_view irregular_file_type(const std::filesystem::path& path);

// Reads the next bytes of a descriptor, at most as many as the span holds; 0 at the end. `name` is for the
// error.
Result<std::size_t> read_some(int fd, std::span<char> into, std::string_view name);

// The error of a failed read or open, from an errno value: Fault::permission or Fault::io.
std::unexpected<Error> cannot_read(std::string_view name, int error);

// The kind of a failed write, from an errno value: Fault::io where the disk is full or fails, which would
// also stop any other write, else Fault::cannot_create.
Fault write_fault(int error);

// Reads a descriptor to its end, at most `limit` bytes; `name` is for the error.
Result<std::string> read_all(int fd, std::size_t limit, std::string_view name);

// Whether two regular files hold the same bytes. False where one of them cannot be read.
bool same_content(int a, int b);
bool same_content(const std::filesystem::path& a, const std::filesystem::path& b);

// write(2) until everything is written or it fails; returns 0 or the errno value.
int write_all(int fd, std::string_view bytes);

// Locks an open file (flock(2)). The lock ends when the descriptor is closed, also by the end of the process.
// Fault::temporary, with the message `busy`, where another process holds the lock.
Result<void> lock(const UniqueFd& fd, const std::filesystem::path& path, std::string_view busy);

// Makes created, renamed and removed names in the directory survive a power cut. A directory that may not be
// read cannot be synced, and is skipped.
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace starttls
