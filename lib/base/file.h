// Files: read within a limit, written whole or not at all.
#pragma once

#include <sys/types.h>

#include <filesystem>
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
  explicit operator bool() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

// "No such file or directory" for an errno value.
std::string errno_text(int error);

// The whole file, or standard input where the path is "-". A file over `limit` bytes is Fault::data and is
// not read; one that cannot be opened or read is Fault::io (Fault::permission where access is denied).
Result<std::string> read_file(const std::filesystem::path& path, std::size_t limit);

// What is left to read from a descriptor, at most `limit` bytes; `name` is for the error.
Result<std::string> read_all(int fd, std::size_t limit, std::string_view name);

// write(2) until everything is written or it fails; returns 0 or the errno value.
int write_all(int fd, std::string_view bytes);

// Makes names that were created, renamed or removed in the directory survive a power cut; a directory that
// may not be read cannot be synced, and is not.
Result<void> sync_directory(const std::filesystem::path& directory);

// Whether there is such a file and it holds exactly this. Reads it piece by piece.
bool has_content(const std::filesystem::path& path, std::string_view content);

// Writes beside the path, syncs, renames: others see the old content or the new, never a part, and after a
// failure (Fault::cannot_create) the old file is as it was. A file that is there keeps its mode, and its
// owner as far as we may give files away; `mode` is for a new one. A symbolic link is followed: its target is
// replaced. What is there and is no regular file (a device, a pipe, a directory), or a link that leads
// nowhere, is refused.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);

}  // namespace starttls
