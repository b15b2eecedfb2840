#include "base/journal.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <iterator>

namespace starttls {

bool is_journal(int descriptor) {
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat info{};
  if (stream == nullptr || ::fstat(descriptor, &info) != 0) return false;
  return fmt::format("{}:{}", info.st_dev, info.st_ino) == stream;
}

std::string with_priority(Priority priority, std::string_view text) {
  std::string lines;
  while (!text.empty()) {
    const auto line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    if (!line.empty())
      fmt::format_to(std::back_inserter(lines), "<{}>{}\n", static_cast<int>(priority), line);
  }
  return lines;
}

}  // namespace starttls
