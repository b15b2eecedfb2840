#include "base/file_stamp.h"

namespace starttls {
namespace {

std::optional<struct stat> status_of(const std::filesystem::path& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  return status;
}

}  // namespace

FileId file_id(const struct stat& status) {
  return {.device = status.st_dev, .inode = status.st_ino};
}

FileStamp file_stamp(const struct stat& status) {
  return {.id = file_id(status),
          .size = status.st_size,
          .modified_seconds = status.st_mtim.tv_sec,
          .modified_nanoseconds = status.st_mtim.tv_nsec,
          .changed_seconds = status.st_ctim.tv_sec,
          .changed_nanoseconds = status.st_ctim.tv_nsec};
}

std::optional<FileId> file_id(const std::filesystem::path& path) {
  const auto status = status_of(path);
  return status ? std::optional(file_id(*status)) : std::nullopt;
}

std::optional<FileStamp> file_stamp(const std::filesystem::path& path) {
  const auto status = status_of(path);
  return status ? std::optional(file_stamp(*status)) : std::nullopt;
}

}  // namespace starttls
