// The recorder: takes closed sessions and what the MTA's log tells, keeps them in the journal, folds the
// journal into the store.
//
// record() never fails towards its caller: whatever is wrong with disk or store, mail flows on. Trouble is
// counted, and logged once a minute; its end is logged too. Two threads: the keeper syncs the journal and
// never waits for the store, which is the folder's.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "store/fold.h"
#include "store/journal.h"
#include "store/store.h"

namespace starttls::store {

using StoreOpener = std::function<Result<std::unique_ptr<Store>>()>;

struct RecorderOptions {
  std::filesystem::path journal;                  // folder of the segments
  std::chrono::milliseconds sync_interval{1000};  // what a power cut may cost
  std::chrono::milliseconds fold_interval{5000};  // from the journal to the store
  std::uint64_t segment_bytes = 8UL << 20U;       // a larger segment is folded early
  std::uint64_t batch_bytes = 16UL << 20U;        // of segments that are folded in one transaction
  std::uint64_t waiting_bytes = 1UL << 30U;       // most that waits on disk for a store that is down
  std::uint64_t held_back_bytes = 16UL << 20U;    // most that waits in memory for a disk that is full
  std::size_t prune_rows = 1000;                  // most that are removed from the store at a time

  StoreOpener open_store;
  // Called after a fold found the store damaged; whether it can be opened now. Empty: nothing can be done.
  std::function<Result<bool>()> repair_store;
  // Empty: there is no memory of senders.
  SendingDomainFinder sending_domain;
  // Called by the folder when all is folded that can be.
  std::function<void(Store&)> folded;
};

// What may change while it runs.
struct RecorderRules {
  FoldRules fold;
  std::chrono::days retention{400};  // older days are removed from the store
};

struct RecorderCounters {
  JournalCounters journal;
  std::uint64_t uncounted_failures = 0;  // that the log has of sessions that are none of ours
  std::uint64_t folded_sessions = 0;
  std::uint64_t failed_handshakes = 0;    // of these, those that the log told of
  std::uint64_t downgraded_sessions = 0;  // of these
  std::uint64_t failures = 0;             // attempts to write, fold or clean up that failed
  std::uint64_t waiting_bytes = 0;        // of segments that the last fold left
  std::uint64_t waiting_segments = 0;
  std::uint64_t waiting_records = 0;  // in the store: sessions and failures that have not found each other
  std::uint64_t pruned_rows = 0;
  Time last_fold;  // that left nothing; 1970 where there was none yet
};

class Recorder {
 public:
  Recorder(RecorderOptions options, Clock clock);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // stops

  // From any thread.
  void configure(const RecorderRules& rules);

  // Begins to record and to fold what an earlier process left. The one error is Fault::temporary: another
  // process records into the same folder. Other trouble is logged, and overcome as soon as it passes.
  Result<void> start();

  // Thread-safe.
  void record(const session::Session& session) noexcept;
  void record(const LogEvent& note) noexcept;

  // Folds everything that can be folded, closes the store and ends the threads. To be called after the last
  // record().
  void stop();

  RecorderCounters counters() const;

 private:
  class Thread;
  bool append(const std::function<std::string()>& encoded) noexcept;
  void keep();
  void fold_round();
  void fold_waiting();
  Result<void> fold_segments();
  // Of the segments from the first on, as many as are folded in one transaction.
  std::vector<std::filesystem::path> batch_of(std::span<const std::filesystem::path> segments) const;
  Result<void> fold_batch(const std::vector<std::filesystem::path>& batch);
  Result<void> settle_waiting();
  Result<void> prune();
  void note(const FoldOutcome& outcome);
  void measure_waiting();
  void trouble(const Error& error);
  void repair_after(const Error& error);
  RecorderRules rules() const;

  const RecorderOptions options_;
  const Clock clock_;
  Journal journal_;

  // The folder's own.
  std::unique_ptr<Store> store_;    // none: to be opened at the next fold
  std::optional<Time> settled_at_;  // none: what waits in the store has not been looked at yet
  std::optional<Day> pruned_for_;   // everything that was to go on that day is gone
  std::uint64_t failures_at_round_ = 0;
  std::set<std::string> told_uncounted_;  // services that were logged

  OncePerMinute trouble_log_;
  std::atomic<bool> troubled_ = false;  // since the last time all went well
  std::atomic<std::uint64_t> folded_sessions_{0};
  std::atomic<std::uint64_t> failed_handshakes_{0};
  std::atomic<std::uint64_t> downgraded_sessions_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> uncounted_failures_{0};
  std::atomic<std::uint64_t> unrecorded_{0};
  std::atomic<std::uint64_t> unrecorded_sessions_{0};
  std::atomic<std::uint64_t> waiting_bytes_{0};
  std::atomic<std::uint64_t> waiting_segments_{0};
  std::atomic<std::uint64_t> waiting_records_{0};
  std::atomic<std::uint64_t> pruned_rows_{0};
  std::atomic<Time> last_fold_{Time{}};

  mutable std::mutex rules_mutex_;
  RecorderRules rules_;

  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread keeper_;
  std::thread folder_;
};

// How far the MTA's log was read when the journal was last written: from what a recorder left in its folder,
// also while it runs. Nothing where it was never followed. Fault::io, Fault::permission.
Result<std::optional<session::LogPosition>> log_position(const std::filesystem::path& journal);

}  // namespace starttls::store
