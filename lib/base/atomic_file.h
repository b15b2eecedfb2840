// Writes a file that others read: first beside its target, then moved there as a whole.
//
//   auto file = TRY(AtomicFile::create(path));
//   file.append(...);
//   if (TRY(file.differs())) {
//     TRY(file.finish());
//     TRY(file.commit());
//   }
//
// A file that is not committed is removed. The files that a killed process left are removed by the next
// process that writes the same target. Every error names the target: Fault::io where the disk is full or
// fails, else Fault::cannot_create.
//
// The directory may belong to another user, who can rename and replace everything in it at any time, while we
// are root. So it is opened once (directory.h), and all work is done by descriptors, under names that nobody
// can guess, without following links.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>

#include "base/directory.h"
#include "base/file.h"
#include "base/result.h"

namespace starttls {

// Collects small pieces and writes them in large ones. The first error is kept, and stops all writing.
class BufferedWriter {
 public:
  explicit BufferedWriter(int fd) : fd_(fd) {}

  void append(std::string_view text) {
    if (buffer_.size() + text.size() > capacity) flush();
    buffer_ += text;
  }
  // Writes the rest. Returns 0 or the errno value of the first error.
  int flush();

 private:
  static constexpr std::size_t capacity = std::size_t{1} << 20U;

  int fd_;
  std::string buffer_;
  int error_ = 0;
};

class AtomicFile {
 public:
  // An existing file keeps its mode, and its owner as far as we may change it; `mode` is for a new one. A
  // symbolic link is followed where directory.h says so: its target is replaced. A target that exists and is
  // no regular file (a device, a pipe, a directory) is refused, and so is a link to nothing.
  static Result<AtomicFile> create(const std::filesystem::path& target, mode_t mode = 0644);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  // For writing with a library instead of append().
  int fd() const { return fd_.get(); }
  // For programs and libraries that open files by name, and create others beside them: creates a directory
  // that only we can enter, and moves the file there under that name. Returns the directory's descriptor,
  // which this object still owns.
  Result<int> move_to_private_directory(const char* name);
  // The file of that name in that directory replaces what was written so far.
  Result<void> replace_with(const char* made);

  const std::filesystem::path& target() const { return target_; }
  void append(std::string_view text) { writer_.append(text); }
  BufferedWriter& writer() { return writer_; }
  Result<void> flush();

  // Whether the target's bytes differ from the new ones.
  Result<bool> differs();
  // Sets the final mode and owner, and syncs the file.
  Result<void> finish();
  // After finish(): moves the file to its target. Others see the old content or the new, never a part.
  Result<void> commit();
  // For root: a new file gets the owner and group of its directory.
  void inherit_directory_owner();
  // As commit(), but never replaces a file: one that another process created meanwhile stays.
  Result<void> commit_if_new();
  // differs(), finish() and commit() in one. True where the target changed.
  Result<bool> commit_if_changed();

 private:
  struct Attributes {
    mode_t mode;
    uid_t owner = static_cast<uid_t>(-1);  // as in chown(2): no change
    gid_t group = static_cast<gid_t>(-1);
  };
  AtomicFile(std::filesystem::path target, DirectoryEntry entry, Attributes attributes, UniqueFd fd,
             std::string name);
  std::unexpected<Error> cannot_write(int error) const;

  std::filesystem::path target_;  // as it was given
  DirectoryEntry entry_;          // where it is
  Attributes attributes_;
  UniqueFd fd_;
  std::string name_;  // beside the target; "" once there is nothing to remove
  UniqueFd private_;  // the private directory; none: the file is beside the target
  std::string private_name_;
  BufferedWriter writer_;
};

// Replaces the whole file even if the content is the same, so that its time changes.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);

}  // namespace starttls
