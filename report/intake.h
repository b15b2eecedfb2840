// Taking in the reports that others sent: from their carriers into the store, and told one by one.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "mail/random_access_file.h"
#include "report/parsing.h"
#include "tlsrpt/report_reader.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

// What is set aside may be this part of all that is, and no more, so that it does not take the place of all.
inline constexpr std::uint64_t rejected_share = 8;

struct IntakeSettings {
  std::filesystem::path rejected_directory;  // where what came on standard input is set aside; empty: nowhere
  std::uint64_t max_rejected_size = 0;       // bytes of all files there; the oldest go
  bool stdin_is_mailbox = false;  // whether standard input may be a folder of mails; else it is one
  ParserSettings expected;
  bool want_policies = false;  // Input::policies
};

// Who is told of the inputs, in their order: what was told since the last commit is in the store for good by
// then.
struct InputListener {
  std::function<void(Input& input)> tell;  // may add oddities
  std::function<Result<void>()> committed;
};

// The reports in files, on standard input ("-"), and in the files of folders and Maildirs. Small files are
// read ahead by other threads; a large one is read in its turn, and never held as a whole. What is wrong with
// any of them is told; errors are those of the store and of who is told. Without a store nothing is kept, and
// nothing is a duplicate.
Result<void> take_in(const std::vector<std::filesystem::path>& inputs, tlsrptdb::ReportStore* store,
                     const IntakeSettings& settings, const InputListener& listener);

}  // namespace starttls::report
