// Files, read within a limit. For writing see file_draft.h.
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
  // For those who take over the descriptor itself.
  [[nodiscard]] int release() { return std::exchange(fd_, -1); }
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// "No such file or directory" for an errno value.
std::string errno_text(int error);

// What a path may lead to.
enum class FileKind {
  // A regular file, for paths that a configuration or a state directory names. Anything else is rejected and
  // is not even opened: a pipe would make us wait for as long as somebody likes, and to open a device can
  // have effects.
  regular,
  // Anything that can be read, for arguments of the command line: /dev/stdin, and what a shell makes of
  // <(...). To open a pipe waits for its writer.
  any,
};

// The whole file. A file over `limit` bytes is Fault::data and is not read; one that cannot be opened or
// read, or is of another kind, is Fault::io (Fault::permission where access is denied). With FileKind::any
// the path "-" is standard input.
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit,
                              FileKind kind = FileKind::regular);

// The next bytes of whatever it is, at most as many as the span takes; 0 at the end, and from then on.
using ReadBytes = std::function<Result<std::size_t>(std::span<char>)>;

// Of bytes that are at hand, which must outlive it.
ReadBytes byte_reader(std::string_view bytes);
// `first`, and then what `rest` gives; both must outlive it.
ReadBytes chain(std::string_view first, const ReadBytes& rest);
// As many bytes as there are, but at most as the span takes.
Result<std::size_t> read_full(const ReadBytes& bytes, std::span<char> into);

// For reading, unless it is larger than `limit` bytes. Errors as of read_file().
Result<UniqueFd> open_file(const std::filesystem::path& path, std::size_t limit,
                           FileKind kind = FileKind::regular);

// The file of that name in an open directory (AT_FDCWD: a path), for reading. -1, with errno set, where it
// cannot be opened; ENOTSUP where it is no regular file. `flags` of open(2), such as O_NOFOLLOW, are added.
UniqueFd open_regular(int directory, const char* name, int flags = 0);

// "a named pipe, not a regular file", from a mode of stat(2).
std::string_view file_type_name(mode_t mode);
// Of what a path leads to, for an error; "" where it is a regular file or cannot be looked at.
std::string_view irregular_file_type(const std::filesystem::path& path);

// The next bytes of a descriptor, as many as there are but at most as the span takes; 0 at the end. `name` is
// for the error.
Result<std::size_t> read_some(int fd, std::span<char> into, std::string_view name);

// The error of something that could not be read, from an errno value: Fault::permission or Fault::io.
std::unexpected<Error> cannot_read(std::string_view name, int error);

// Why something cannot be written, from an errno value: Fault::io where the disk is full or fails, which is
// nobody's mistake and hits whatever is written next, else Fault::cannot_create.
Fault write_fault(int error);

// What is left to read from a descriptor, at most `limit` bytes; `name` is for the error.
Result<std::string> read_all(int fd, std::size_t limit, std::string_view name);

// Whether two files, which are regular ones, hold the same bytes; false where one of them cannot be read.
bool same_content(int a, int b);
bool same_content(const std::filesystem::path& a, const std::filesystem::path& b);

// write(2) until everything is written or it fails; returns 0 or the errno value.
int write_all(int fd, std::string_view bytes);

// Locks what is open (flock(2)), until it is closed, however the process ends. Fault::temporary, with the
// words of `busy`, where another process has it.
Result<void> lock(const UniqueFd& fd, const std::filesystem::path& path, std::string_view busy);

// Makes names that were created, renamed or removed in the directory survive a power cut; a directory that
// may not be read cannot be synced, and is not.
Result<void> sync_directory(const std::filesystem::path& directory);

}  // namespace starttls
