// Mails from standard input that were rejected, saved for inspection: the newest ones, so that garbage does
// not fill the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::report {

struct RejectedFileSettings {
  std::filesystem::path directory;  // created where it does not exist
  std::uint64_t max_size = 0;       // bytes of all files there; the oldest are removed
  Time now;                         // with which the file's name begins
};

// The path of the file, which is on the disk when this returns. Fault::io where it cannot be saved.
Result<std::string> save_rejected_file(const mail::RandomAccessFile& source,
                                       const RejectedFileSettings& settings);

}  // namespace starttls::report
