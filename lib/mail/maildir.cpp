#include "mail/maildir.h"

#include <algorithm>

#include "base/try.h"

namespace starttls::mail {
namespace {

namespace fs = std::filesystem;

Result<std::vector<std::string>> list_files(const fs::path& directory) {
  std::vector<std::string> files;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string& path = entry->path().native();
    const bool is_hidden = path[path.rfind('/') + 1] == '.';
    std::error_code unknown;
    if (!is_hidden && entry->is_regular_file(unknown)) files.push_back(path);
  }
  if (error) return fail(Fault::io, "{}", error.message());
  std::ranges::sort(files);
  return files;
}

}  // namespace

Result<std::vector<std::string>> list_mails(const fs::path& directory) {
  std::error_code ignored;
  if (!fs::is_directory(directory / "new", ignored) || !fs::is_directory(directory / "cur", ignored))
    return list_files(directory);
  auto files = TRY(list_files(directory / "new"));
  const auto seen = TRY(list_files(directory / "cur"));
  files.insert(files.end(), seen.begin(), seen.end());
  return files;
}

}  // namespace starttls::mail
