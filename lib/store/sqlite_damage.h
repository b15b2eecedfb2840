// What happens to the file of an embedded store behind its writer's back.
//
// SQLite keeps pages in memory and does not look at them in the file again: a writer whose file was
// overwritten or emptied would go on for long, and everything it adds would be gone with the next start.
#pragma once

#include <sys/stat.h>

#include <filesystem>

#include "base/result.h"

namespace starttls::store {

// Whether SQLite finds the file damaged; an empty one is. Errors as of SQLite.
Result<bool> is_damaged(const std::filesystem::path& file);

class DamageDetector {
 public:
  // As note().
  explicit DamageDetector(std::filesystem::path file);

  // Fault::data where somebody else changed the file since the last note() and it is damaged. Costs a look at
  // all of the file where somebody else changed it, else next to nothing.
  Result<void> check();

  // The file as it is now is as the writer left it. Between check() and this, a change by somebody else is
  // not seen.
  void note();

 private:
  const std::filesystem::path file_;
  struct stat seen_{};
};

}  // namespace starttls::store
