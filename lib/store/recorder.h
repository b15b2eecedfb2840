// The recorder: writes closed sessions and failures from the MTA's log to the journal, and folds the journal
// into the store. record() never fails for its caller (journal/recorder.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/result.h"
#include "journal/recorder.h"
#include "store/fold.h"
#include "store/store.h"

namespace starttls::store {

using StoreOpener = std::function<Result<std::unique_ptr<Store>>()>;

struct RecorderOptions {
  journal::RecorderOptions journal;    // without `what` and `is_counted`
  std::size_t max_pruned_rows = 1000;  // removed from the store at a time

  StoreOpener open_store;
  // Called after a fold found the store damaged; whether the store can be opened now. Empty: there is no
  // repair.
  std::function<Result<bool>()> repair_store;
  // Empty: there is no memory of senders.
  SendingDomainFinder sending_domain;
  // Called by the fold thread when all is folded that can be.
  std::function<void(Store&)> folded;
};

// What may change while the recorder runs.
struct RecorderRules {
  FoldRules fold;
  std::chrono::days retention{};  // older days are removed from the store; 0: none are
};

struct SessionCounters {
  std::uint64_t uncounted_failures = 0;  // in the log, of sessions that are not recorded
  std::uint64_t folded_sessions = 0;
  std::uint64_t failed_handshakes = 0;    // of these, those whose failure is in the log
  std::uint64_t downgraded_sessions = 0;  // of these
  std::uint64_t waiting_records = 0;  // in the store: sessions and failures that have not found each other
  std::uint64_t pruned_rows = 0;
};

// The counted records of the journal are sessions.
struct RecorderCounters : journal::RecorderCounters, SessionCounters {};

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

  // Thread-safe.
  void record(const session::Session& session) noexcept;
  void record(const LogEvent& event) noexcept;

  RecorderCounters counters() const;

 private:
  class Folding;
  std::unique_ptr<Folding> folding_;
  std::unique_ptr<journal::Recorder> recorder_;
};

// How far the MTA's log was read when the journal was last written: from the files of a recorder in its
// directory, also while it runs. Nothing where the log was never read. Fault::io, Fault::permission.
Result<std::optional<session::LogPosition>> log_position(const std::filesystem::path& journal);

}  // namespace starttls::store
