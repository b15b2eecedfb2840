// The file with the process id of a daemon, for start scripts.
#pragma once

#include <filesystem>
#include <utility>

#include "base/result.h"

namespace starttls::daemon {

// Removes the file that it has written at its end.
class PidFile {
 public:
  // "": there is none.
  explicit PidFile(std::filesystem::path path) : path_(std::move(path)) {}
  PidFile(PidFile&& other) noexcept;
  PidFile& operator=(PidFile&&) = delete;
  PidFile(const PidFile&) = delete;
  PidFile& operator=(const PidFile&) = delete;
  ~PidFile();

  // Errors as of replace_file().
  Result<void> write();

 private:
  std::filesystem::path path_;
  bool written_ = false;
};

}  // namespace starttls::daemon
