// The files of a directory, each of which may be a mail.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/result.h"

namespace starttls::mail {

// Paths of the regular files in a directory, by name, without hidden ones; of a Maildir those in "new" and "cur", because
// files in "tmp" are not complete (maildir(5)). Fault::io.
Result<std::vector<std::string>> list_mails(const std::filesystem::path& directory);

}  // namespace starttls::mail
