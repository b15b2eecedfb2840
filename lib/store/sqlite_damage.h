// Damage that another program does to the file of an embedded store while its writer has it open.
//
// SQLite keeps pages in memory and does not look at them in the file again: a writer whose file was
// overwritten or emptied would not notice for long, and all that it adds would be lost at the next start.
#pragma once

#include <filesystem>
#include <optional>

#include "base/file_stamp.h"
#include "base/result.h"

namespace starttls::store {

// Whether SQLite finds the file damaged; an empty file is. Errors as of sqlite.h.
Result<bool> is_damaged(const std::filesystem::path& file);

class DamageDetector {
 public:
  // As remember().
  explicit DamageDetector(std::filesystem::path file);

  // Fault::data where another program changed the file since the last remember() and it is damaged. Reads all of
  // the file where another program changed it; else costs next to nothing.
  Result<void> check();

  // The file is now as its writer wrote it. A change by another program between check() and this is not
  // noticed.
  void remember();

 private:
  const std::filesystem::path file_;
  std::optional<FileStamp> seen_;
};

}  // namespace starttls::store
