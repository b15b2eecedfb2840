// The recorder: writes closed sessions and failures from the MTA's log to the journal, and folds the journal
// into the store.
//
// record() never fails for its caller: no failure of disk or store may stop mail. Failures are counted,
// and logged once a minute; when they end, that is logged, too. There are two threads: one syncs the
// journal and never waits for the store, the other folds.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/result.h"
#include "store/fold.h"
#include "store/journal.h"
#include "store/store.h"

namespace starttls::store {

using StoreOpener = std::function<Result<std::unique_ptr<Store>>()>;

// The intervals have no default here: config::MilterConfig has it.
struct RecorderOptions {
  std::filesystem::path journal;                    // directory of the segments
  std::chrono::milliseconds sync_interval{};        // the sessions that a power failure may cost
  std::chrono::milliseconds fold_interval{};        // from the journal to the store
  std::uint64_t max_segment_bytes = 8UL << 20U;     // a larger segment is folded early
  std::uint64_t max_batch_bytes = 16UL << 20U;      // of segments that are folded in one transaction
  std::uint64_t max_waiting_bytes = 1UL << 30U;     // on disk, for a store that is down
  std::uint64_t max_held_back_bytes = 16UL << 20U;  // in memory, for a disk that is full
  std::size_t max_pruned_rows = 1000;               // removed from the store at a time

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

struct RecorderCounters {
  JournalCounters journal;
  std::uint64_t uncounted_failures = 0;  // in the log, of sessions that are not recorded
  std::uint64_t folded_sessions = 0;
  std::uint64_t failed_handshakes = 0;    // of these, those whose failure is in the log
  std::uint64_t downgraded_sessions = 0;  // of these
  std::uint64_t failures = 0;             // attempts to write, fold or clean up that failed
  std::uint64_t waiting_bytes = 0;        // of segments that were not folded last time
  std::uint64_t waiting_segments = 0;
  std::uint64_t waiting_records = 0;  // in the store: sessions and failures that have not found each other
  std::uint64_t pruned_rows = 0;
  Time last_fold;  // that folded everything; 1970 if there was none yet
};

class Recorder {
 public:
  Recorder(RecorderOptions options, Clock clock);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // stops

  // From any thread.
  void configure(const RecorderRules& rules);

  // Begins to record, and to fold segments of an earlier process. The only error is Fault::temporary: another
  // process records into the same directory. Other failures are logged, and overcome as soon as they pass.
  Result<void> start();

  // Thread-safe.
  void record(const session::Session& session) noexcept;
  void record(const LogEvent& event) noexcept;

  // Folds everything that can be folded, closes the store and ends the threads. To be called after the last
  // record().
  void stop();

  RecorderCounters counters() const;

 private:
  class Thread;
  bool append(const std::function<std::string()>& encoded) noexcept;
  void sync();
  void fold_round();
  void fold_waiting();
  Result<void> fold_segments();
  Result<void> open_store();
  // Of the segments, from the first on, as many as are folded in one transaction.
  std::vector<std::filesystem::path> first_batch(std::span<const std::filesystem::path> segments) const;
  Result<void> fold_batch(const std::vector<std::filesystem::path>& batch);
  Result<void> count_overdue();
  Result<void> prune();
  void add_outcome(const FoldOutcome& outcome);
  void measure_waiting();
  void log_failure(const Error& error);
  void repair_after(const Error& error);

  const RecorderOptions options_;
  const Clock clock_;
  Journal journal_;

  // Of the fold thread.
  std::unique_ptr<Store> store_;            // none: to be opened at the next fold
  std::optional<Time> counted_waiting_at_;  // empty until the first pass
  std::optional<Day> pruned_for_;           // all earlier days were removed
  std::uint64_t failures_at_round_ = 0;
  std::set<std::string> logged_uncounted_;  // services

  OncePerMinute failure_log_;
  std::atomic<bool> is_failing_ = false;  // since the last round without a failure
  // Without those of the journal, but for the records that were lost before they came there.
  Guarded<RecorderCounters> counters_;
  Guarded<RecorderRules> rules_;
  Guarded<bool> stopping_{false};
  std::condition_variable wake_;
  std::thread sync_thread_;
  std::thread fold_thread_;
};

// How far the MTA's log was read when the journal was last written: from the files of a recorder in its
// directory, also while it runs. Nothing where the log was never read. Fault::io, Fault::permission.
Result<std::optional<session::LogPosition>> log_position(const std::filesystem::path& journal);

}  // namespace starttls::store
