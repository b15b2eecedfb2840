// The recorder: appends records to the journal, and folds the journal into a database (Target).
//
// append() never fails for its caller: no failure of disk or database may stop mail. Failures are counted,
// and logged once a minute; when they end, that is logged, too. There are two threads: one syncs the
// journal and never waits for the database, the other folds.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/result.h"
#include "journal/journal.h"
#include "journal/segment.h"

namespace starttls::journal {

// Reads the records of a segment; false where it cannot be read now.
using ReadSegment = std::function<bool(const std::string& segment, const TakePayload& take)>;

// Where records are folded into. Each function is called by one thread at a time, never by that of append().
class Target {
 public:
  Target() = default;
  Target(const Target&) = delete;
  Target& operator=(const Target&) = delete;
  virtual ~Target() = default;

  // Opens the database, unless it is open. Fault::temporary and Fault::unavailable: it is away, and what it does
  // not have waits in the journal.
  virtual Result<void> open() = 0;
  virtual bool is_open() const = 0;
  virtual void close() = 0;

  // Adds the records of these segments, the oldest first, and their ids, in one transaction. A segment whose id
  // the database has was added before. Segments that `read` cannot read are left out. Returns how many of them this was
  // done for, from the first one on: at least one; of the others, none was read.
  virtual Result<std::size_t> fold(const std::vector<std::string>& segments, const ReadSegment& read) = 0;
  // Forgets the ids that were added before the time: their files were removed.
  virtual Result<void> forget_segments(Time folded_before) = 0;
  // Called after each round in which all was folded that can be. `waiting_segments`: that were there.
  virtual Result<void> finish_round(std::size_t waiting_segments) = 0;
  // Called after an error of the database, which is closed then.
  virtual Result<void> repair_after(const Error& error) = 0;
};

// The intervals have no default here: the configuration has it.
struct RecorderOptions {
  std::filesystem::path directory;               // of the segments
  std::chrono::milliseconds sync_interval{};     // the records that a power failure may cost
  std::chrono::milliseconds fold_interval{};     // from the journal to the database
  std::uint64_t max_segment_bytes = 8UL << 20U;  // a larger segment is closed
  std::uint64_t max_batch_bytes = 16UL << 20U;  // of segments: that many are folded early, in one transaction
  std::uint64_t max_waiting_bytes = 1UL << 30U;     // on disk, for a database that is down
  std::uint64_t max_held_back_bytes = 16UL << 20U;  // in memory, for a disk that is full

  std::string_view what = "records";  // what is counted, in messages; a literal
  IsCounted is_counted;
};

struct RecorderCounters {
  JournalCounters journal;
  std::uint64_t failures = 0;       // attempts to write, fold or clean up that failed
  std::uint64_t waiting_bytes = 0;  // of segments that were not folded last time
  std::uint64_t waiting_segments = 0;
  Time last_fold;  // that folded everything; 1970 if there was none yet
};

class Recorder {
 public:
  // The target must outlive this.
  Recorder(RecorderOptions options, Target& target, Clock clock);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // stops

  // Begins to record, and to fold segments of an earlier process. The only error is Fault::temporary: another
  // process records into the same directory. Other failures are logged, and overcome as soon as they pass.
  Result<void> start();

  // Thread-safe. `encode` makes the payload. `is_counted`: as of RecorderOptions, should there be no memory for
  // the payload.
  void append(const std::function<std::string()>& encode, bool is_counted) noexcept;
  // The same for many records, which are to be counted and cost one write(2) together.
  void append(std::size_t size, const std::function<std::string(std::size_t index)>& encode) noexcept;

  // Folds everything that can be folded, closes the database and ends the threads. To be called after the last
  // append().
  void stop();

  RecorderCounters counters() const;

 private:
  class Thread;
  void close_early_if_large();
  void fold_early_if_much_waits();
  void sync();
  Result<void> rotate();
  void fold_round();
  // What waits is folded by the fold thread until the recorder stops, and then by the thread that stops it.
  enum class By { fold_thread, stop };
  void fold_waiting(By by);
  Result<void> fold_segments(By by);
  // Of the segments, from the first on, as many as are folded in one transaction.
  std::vector<std::filesystem::path> first_batch(std::span<const std::filesystem::path> segments) const;
  // Returns how many of them were folded, or are damaged, from the first one on.
  Result<std::size_t> fold_batch(const std::vector<std::filesystem::path>& batch);
  void measure_waiting();
  void log_failure(const Error& error);

  const RecorderOptions options_;
  Target& target_;
  const Clock clock_;
  Journal journal_;

  std::uint64_t failures_at_round_ = 0;  // of the fold thread
  OncePerMinute failure_log_;
  std::atomic<bool> is_failing_ = false;  // since the last round without a failure
  // Without those of the journal, but for the records that were lost before they came there.
  Guarded<RecorderCounters> counters_;
  Guarded<bool> stopping_{false};
  std::atomic<bool> is_large_ = false;  // the current segment
  // Because of that, once: it may be that no other can be begun.
  std::atomic<bool> rotate_early_ = false;
  std::atomic<bool> fold_early_ = false;
  std::condition_variable wake_;
  std::thread sync_thread_;
  std::thread fold_thread_;
};

}  // namespace starttls::journal
