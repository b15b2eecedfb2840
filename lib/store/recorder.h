// The recorder: takes closed sessions, keeps them in the journal, folds the journal into the store.
//
// record() never fails towards its caller: whatever is wrong with disk or store, mail flows on. Trouble is
// counted, and logged once a minute; its end is logged too.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "store/journal.h"
#include "store/store.h"

namespace starttls::store {

using StoreOpener = std::function<Result<std::unique_ptr<Store>>()>;

struct RecorderOptions {
  std::filesystem::path journal;                  // folder of the segments
  std::chrono::milliseconds sync_interval{1000};  // what a power cut may cost
  std::chrono::milliseconds fold_interval{5000};  // from the journal to the store
  std::uint64_t segment_bytes = 4UL << 20U;       // a larger segment is folded early
  std::uint64_t waiting_bytes = 1UL << 30U;       // most that waits on disk for a store that is down
  std::uint64_t held_back_bytes = 16UL << 20U;    // most that waits in memory for a disk that is full
};

struct RecorderCounters {
  JournalCounters journal;
  std::uint64_t folded_sessions = 0;
  std::uint64_t failures = 0;       // attempts to write, fold or clean up that failed
  std::uint64_t waiting_bytes = 0;  // of segments that the last fold left
};

class Recorder {
 public:
  Recorder(RecorderOptions options, Clock clock, StoreOpener open_store);
  Recorder(const Recorder&) = delete;
  Recorder& operator=(const Recorder&) = delete;
  ~Recorder();  // stops

  // Begins to record and to fold what an earlier process left. The one error is Fault::temporary: another
  // process records into the same folder. Other trouble is logged, and overcome as soon as it passes.
  Result<void> start();

  // Thread-safe.
  void record(const Session& session) noexcept;

  // Folds everything that can be folded, closes the store and ends the thread. To be called after the last
  // record().
  void stop();

  RecorderCounters counters() const;

 private:
  void run();
  void tick(bool fold);
  void fold_waiting();
  Result<void> fold_segments();
  Result<void> fold_segment(const std::filesystem::path& segment);
  void measure_waiting();
  void trouble(const Error& error);

  const RecorderOptions options_;
  const Clock clock_;
  const StoreOpener open_store_;
  Journal journal_;
  std::unique_ptr<Store> store_;  // none: to be opened at the next fold
  OncePerMinute trouble_log_;
  bool troubled_ = false;  // since the last time all went well

  std::atomic<std::uint64_t> folded_sessions_{0};
  std::atomic<std::uint64_t> failures_{0};
  std::atomic<std::uint64_t> unrecorded_{0};
  std::atomic<std::uint64_t> waiting_bytes_{0};

  std::mutex mutex_;  // guards stopping_
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace starttls::store
