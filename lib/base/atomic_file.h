// A file that others read, in the making: written beside its place, then put there whole.
//
//   auto draft = AtomicFile::create(path);
//   draft->append(...);
//   if (draft->differs()) draft->finish(), draft->commit();
//
// A draft that is not published leaves no trace; what a killed process left is cleared away by the next draft
// of the same place. Every failure has the place's name: Fault::io where the disk is
// full or fails, else Fault::cannot_create.
//
// The directory may belong to another user, who can rename and replace everything in it at any time, while we
// are root: it is opened once (directory.h), and everything is done by its descriptor and the draft's, under
// names that nobody can guess, without following a link.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <filesystem>
#include <future>
#include <string>
#include <string_view>

#include "base/directory.h"
#include "base/file.h"
#include "base/result.h"

namespace starttls {

// Collects small pieces and writes them in large ones, each while the next one is collected. The first error
// stays, and ends all writing.
class BufferedWriter {
 public:
  explicit BufferedWriter(int fd) : fd_(fd) {}

  void append(std::string_view text) {
    if (buffer_.size() + text.size() > capacity) hand_over();
    buffer_ += text;
  }
  // Writes what is left. Returns 0 or the errno value of the first error.
  int flush();

 private:
  static constexpr std::size_t capacity = std::size_t{1} << 20U;
  struct Written {
    std::string buffer;  // to be filled again
    int error = 0;
  };
  void hand_over();
  void await();

  int fd_;
  std::string buffer_;
  std::string spare_;
  int error_ = 0;
  std::future<Written> writing_;  // last, so that it ends before what it uses
};

class AtomicFile {
 public:
  // A file that is there keeps its mode, and its owner as far as we may give files away; `mode` is for a new
  // one. A symbolic link is followed where directory.h says so: its target is replaced. What is there and is
  // no regular file (a device, a pipe, a directory), or a link that leads nowhere, is refused.
  static Result<AtomicFile> create(const std::filesystem::path& target, mode_t mode = 0644);

  AtomicFile(AtomicFile&& other) noexcept;
  AtomicFile& operator=(AtomicFile&&) = delete;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  // For those who write with a library of their own, instead of append().
  int fd() const { return fd_.get(); }
  // For programs and libraries that open files by name, and make others beside them: makes a directory that
  // only we can enter, and moves the draft so far into it, under that name. The descriptor stays the draft's.
  Result<int> move_to_private_directory(const char* name);
  // What was made in that directory, under that name, is the draft from now on.
  Result<void> replace_with(const char* made);

  const std::filesystem::path& target() const { return target_; }
  void append(std::string_view text) { writer_.append(text); }
  BufferedWriter& writer() { return writer_; }
  Result<void> flush();

  // Whether the place holds anything but the very same bytes.
  Result<bool> differs();
  // With its final mode and owner, safe from a power cut.
  Result<void> finish();
  // To be called after finish(): others see the old content or the new, never a part.
  Result<void> commit();
  // A new file belongs to whom its directory belongs to, where we are root.
  void inherit_directory_owner();
  // As publish() where there is nothing yet; what another process was faster with stays.
  Result<void> commit_if_new();
  // differs(), finish() and publish() in one. Says whether the place changed.
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
  std::string name_;  // of the draft; "" once there is nothing to be cleared away
  UniqueFd private_;  // none: the draft is not enclosed
  std::string private_name_;
  BufferedWriter writer_;
};

// All of it at once: nothing is written where the place holds the same bytes already. Says whether it
// changed.
Result<bool> update_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);

// The same for those who need the file's time to change, too.
Result<void> replace_file(const std::filesystem::path& path, std::string_view content, mode_t mode = 0644);

}  // namespace starttls
