// The recorder: writes results to the journal as they are received, and folds the journal into the store.
// record() never fails for its caller (journal/recorder.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>

#include "base/clock.h"
#include "base/result.h"
#include "journal/recorder.h"
#include "outbound/result.h"
#include "outbound/store.h"

namespace starttls::outbound {

struct RecorderOptions {
  journal::RecorderOptions journal;  // without `what`
  std::function<Result<std::unique_ptr<Store>>()> open_store;
  // Called after a fold found the store damaged; whether the store can be opened now. Empty: there is no repair.
  std::function<Result<bool>()> repair_store;
};

// What may change while the recorder runs.
struct RecorderRules {
  Limits limits;
  std::chrono::days retention{};  // older days are removed from the store; 0: none are
};

// How long the TLSRPT records, policy strings and MX hosts of a day are kept: for reports and evidence. Older days
// have figures alone.
inline constexpr std::chrono::days text_retention{30};

struct FoldCounters {
  DayTotal folded;  // results, malformed datagrams and results that were left out
  std::uint64_t pruned_days = 0;
};

struct RecorderCounters : journal::RecorderCounters, FoldCounters {};

class Recorder {
 public:
  Recorder(const RecorderOptions& options, const Clock& clock);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // stops

  // From any thread.
  void configure(const RecorderRules& rules);

  // As of journal::Recorder.
  Result<void> start();
  void stop();

  // Thread-safe. All of them cost one write(2).
  void record(std::span<const ReceivedResult> results) noexcept;
  void record(const LoggedResults& results) noexcept;

  RecorderCounters counters() const;

 private:
  class Folding;
  std::unique_ptr<Folding> folding_;
  std::unique_ptr<journal::Recorder> recorder_;
};

// How far the mail server's log was read when the journal was last written: from the files of a recorder in its
// directory, also while it runs. Nothing where the log was never read. Fault::io, Fault::permission.
Result<std::optional<session::LogPosition>> log_position(const std::filesystem::path& journal);

}  // namespace starttls::outbound
