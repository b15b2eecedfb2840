// A directory that is held open, so that nobody turns the way to it elsewhere between two system calls.
//
//     auto directory = Directory::open(path.parent_path());
//     openat(directory->fd(), name, O_CREAT | O_EXCL | O_NOFOLLOW ...)
//
// Root writes maps, sockets and state below directories that other users own, and they could put a symbolic
// link there at any moment. So everything on the way is opened in turn. A symbolic link on the way is
// followed only where nobody but root and we ourselves could have made it: in a directory that only root or
// we can write to, or in one with the sticky bit, such as /tmp, where the link is root's or ours. A directory
// that its group can write to counts as ours where that group is our own.
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
  // Fault::io where the disk fails, else Fault::cannot_create, with the name of the path: also where a link
  // on the way is not followed.
  static Result<Directory> open(const std::filesystem::path& path);
  // The same, and makes what is missing of the way, with mode 0755: only where nobody but root and we
  // ourselves can rename, replace or remove it then.
  static Result<Directory> make(const std::filesystem::path& path);

  // For openat(2) and the like (O_PATH); it cannot be read.
  int fd() const { return fd_.get(); }
  // As it was given, for messages.
  const std::filesystem::path& path() const { return path_; }
  uid_t owner() const { return owner_; }
  gid_t group() const { return group_; }

  // Whether nobody but root and we ourselves can rename, replace or remove anything in it, or on the way to
  // it.
  bool is_guarded() const { return way_guarded_ && exclusive_; }
  // The same of the way to it alone.
  bool is_path_guarded() const { return way_guarded_; }

  // Its entries can be listed and fsync(2) works with this one; none, with errno set, where it may not be
  // read.
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
  bool way_guarded_ = true;  // so far as the entries on the way go
  bool exclusive_ = false;   // only root and we can write to it
  bool sticky_ = false;      // others can, but not touch what is not theirs
};

// A file's place: the directory it is in, or would be in, and its name there. Where the path is a symbolic
// link, that of its target: links are followed, or not, as those on the way are, and one that leads nowhere
// is an error. Errors as of Directory::open().
struct DirectoryEntry {
  Directory directory;
  std::string name;
};
Result<DirectoryEntry> find_entry(const std::filesystem::path& path);

// The names of what is in an open directory, but "." and ".."; it may have been opened with O_PATH. None
// where it cannot be read.
std::vector<std::string> list_entries(int directory);

// A path to what has that name in an open directory, for libraries that take nothing else.
std::string path_below(int directory, std::string_view name);

}  // namespace starttls
