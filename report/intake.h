// Reads received reports from files, mailboxes and standard input into the store.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <vector>

#include "base/result.h"
#include "report/parsing.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

// One rejected mail may use this part of IntakeSettings::max_rejected_size, so that it does not displace all
// others.
inline constexpr std::uint64_t rejected_share = 8;

struct IntakeSettings {
  std::filesystem::path rejected_directory;  // for rejected mails from standard input; empty: not saved
  std::uint64_t max_rejected_size = 0;       // bytes of all files there; the oldest are removed
  bool stdin_is_mailbox = false;             // whether standard input may be an mbox; else one mail
  ParserSettings parser;
  bool want_policies = false;  // whether Input::policies is filled
};

// Called for each input, in their order.
struct InputListener {
  std::function<void(Input& input)> on_input;  // may add warnings
  // Called when every input since the last call is committed to the store.
  std::function<Result<void>()> on_commit;
};

// Reads the reports in files, on standard input ("-"), and in the files of directories and Maildirs. Other
// threads read small files ahead. A large file is read in its turn, and is never in memory as a whole. An
// invalid input is passed to the listener as rejected; errors are those of the store and of the listener.
// Without a store nothing is stored, and nothing is a duplicate.
Result<void> read_inputs(const std::vector<std::filesystem::path>& inputs, tlsrptdb::ReportStore* store,
                         const IntakeSettings& settings, const InputListener& listener);

}  // namespace starttls::report
