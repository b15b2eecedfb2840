// Which file it is, and whether it has changed.
#pragma once

#include <sys/stat.h>
#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <optional>

namespace starttls {

// A file, whatever its name becomes. Inodes of removed files are used again.
struct FileId {
  dev_t device = 0;
  ino_t inode = 0;

  bool operator==(const FileId&) const = default;
};

// Differs whenever the file was replaced or written to, as far as its size and times show it.
struct FileStamp {
  FileId id;
  off_t size = 0;                     // bytes
  std::int64_t modified_seconds = 0;  // since 1970
  std::int64_t modified_nanoseconds = 0;
  std::int64_t changed_seconds = 0;  // of the inode (st_ctim)
  std::int64_t changed_nanoseconds = 0;

  bool operator==(const FileStamp&) const = default;
};

FileId file_id(const struct stat& status);
FileStamp file_stamp(const struct stat& status);

// Of what the path leads to. Nothing where it cannot be looked at.
std::optional<FileId> file_id(const std::filesystem::path& path);
std::optional<FileStamp> file_stamp(const std::filesystem::path& path);

}  // namespace starttls
