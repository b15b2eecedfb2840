// An open directory. Its path cannot be redirected between two system calls.
//
//     auto directory = Directory::open(path.parent_path());
//     openat(directory->fd(), name, O_CREAT | O_EXCL | O_NOFOLLOW ...)
//
// Root writes maps, sockets and state below directories that other users own. These could place a symbolic
// link there at any moment. So each directory on the path is opened in turn. A symbolic link on the path is
// followed only where nobody but root and the process's own user could have created it: in a directory that
// only these can write to, or in one with the sticky bit, such as /tmp, where one of them owns the link. A
// directory that its group can write to counts as ours where that group is our own.
#pragma once

#include <sys/stat.h>

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "base/result.h"

namespace starttls {

class Directory {
 public:
  // Fault::io where the disk fails, else Fault::cannot_create with the path: also where a link on the path is
  // not followed.
  static Result<Directory> open(const std::filesystem::path& path);
  // The same, and creates the directories that are missing, with mode 0755: only where nobody but root and
  // ourselves can rename, replace or remove them.
  static Result<Directory> make(const std::filesystem::path& path);

  // For openat(2) and the like: opened with O_PATH, so it cannot be read.
  int fd() const { return fd_.get(); }
  // The path as it was given, for messages.
  const std::filesystem::path& path() const { return path_; }
  uid_t owner() const { return owner_; }
  gid_t group() const { return group_; }

  // Whether nobody but root and ourselves can rename, replace or remove anything in it, or any directory on
  // the path to it.
  bool is_guarded() const { return way_guarded_ && exclusive_; }
  // The same for the path to it alone.
  bool is_path_guarded() const { return way_guarded_; }

  // The directory, opened so that its entries can be listed and fsync(2) works. Empty, with errno set, where
  // it may not be read.
  UniqueFd readable() const;
  // As sync_directory() of file.h.
  Result<void> sync() const;

 private:
  friend class DirectoryWalk;
  Directory() = default;

  std::filesystem::path path_;
  UniqueFd fd_;
  uid_t owner_ = 0;
  gid_t group_ = 0;
  bool way_guarded_ = true;  // as far as the entries on the path go
  bool exclusive_ = false;   // only root and we can write to it
  bool sticky_ = false;      // others can write, but only change their own files
};

// The directory of a file, which need not exist, and its name there. Where the path is a symbolic link, those
// of its target: links are followed under the same conditions as on the path. A link to nothing is an error.
struct DirectoryEntry {
  Directory directory;
  std::string name;
};
Result<DirectoryEntry> find_entry(const std::filesystem::path& path);

// The names in an open directory, without "." and "..". It may have been opened with O_PATH. Empty where it
// cannot be read.
std::vector<std::string> list_entries(int directory);

// A path to that name in an open directory, for libraries that only take paths.
std::string path_below(int directory, std::string_view name);

}  // namespace starttls
