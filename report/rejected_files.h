// Saves rejected mails from standard input for inspection. Only the newest are kept, so that they do not fill
// the disk.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "mail/random_access_file.h"

namespace starttls::report {

struct RejectedFileSettings {
  std::filesystem::path directory;  // created if it does not exist
  std::uint64_t max_size = 0;       // bytes of all files there; the oldest are removed
  Time now;                         // the file's name begins with it
};

// Returns the path of the file, which is then on the disk. Fault::io if it cannot be saved.
Result<std::string> save_rejected_file(const mail::RandomAccessFile& source,
                                       const RejectedFileSettings& settings);

}  // namespace starttls::report
