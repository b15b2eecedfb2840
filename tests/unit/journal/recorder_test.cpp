#include "journal/recorder.h"

#include <algorithm>
#include <atomic>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "support.h"

using namespace starttls;
using namespace starttls::journal;
using namespace starttls::test;
using namespace std::chrono_literals;
namespace fs = std::filesystem;

namespace {

const Time now = at("2026-11-22T12:00:00Z");

// A database that does not answer until the test says so.
class SlowTarget final : public Target {
 public:
  Result<void> open() override {
    if (is_open_) return {};
    waits_.set_value();
    answer_.get_future().wait();
    is_open_ = true;
    return {};
  }
  bool is_open() const override { return is_open_; }
  void close() override {}
  Result<std::size_t> fold(const std::vector<std::string>& segments, const ReadSegment& read) override {
    ++folds_;
    threads_.push_back(std::this_thread::get_id());
    const std::size_t taken = std::min(segments.size(), max_segments_);
    for (const std::string& segment : std::span(segments).first(taken))
      read(segment, [this](std::string_view) { return ++folded_ > 0; });
    return taken;
  }
  Result<void> forget_segments(Time) override { return {}; }
  Result<void> finish_round(std::size_t) override { return {}; }
  Result<void> repair_after(const Error&) override { return {}; }

  void wait_until_asked() { waits_.get_future().wait(); }
  void answer() { answer_.set_value(); }
  void take_at_most(std::size_t segments) { max_segments_ = segments; }
  std::size_t folded() const { return folded_; }
  std::size_t folds() const { return folds_; }
  const std::vector<std::thread::id>& threads() const { return threads_; }

 private:
  std::promise<void> waits_;
  std::promise<void> answer_;
  std::atomic<bool> is_open_ = false;
  std::size_t max_segments_ = 1'000;  // in one fold
  std::size_t folded_ = 0;            // records
  std::size_t folds_ = 0;
  std::vector<std::thread::id> threads_;  // of the folds
};

struct Slow {
  TemporaryFolder folder;
  SlowTarget target;

  RecorderOptions options() const {
    return {.directory = folder / "journal",
            .sync_interval = 1h,
            .fold_interval = 1h,
            .max_segment_bytes = 1'000,
            .max_waiting_bytes = 20'000,
            .max_held_back_bytes = 5'000};
  }
  std::vector<std::uintmax_t> sizes() const {
    std::vector<std::uintmax_t> found;
    for (const fs::path& segment : good(list_segments(folder / "journal")))
      found.push_back(fs::file_size(segment));
    return found;
  }
};

std::ptrdiff_t threads_of_process() {
  return std::distance(fs::directory_iterator("/proc/self/task"), fs::directory_iterator());
}

}  // namespace

TEST_CASE("while the database does not answer, no segment grows beyond its size by more than one append") {
  Slow slow;
  Recorder recorder(slow.options(), slow.target, [] { return now; });
  good(recorder.start());
  slow.target.wait_until_asked();
  for (std::uint64_t closed = 1; closed <= 10; ++closed) {
    recorder.append([] { return std::string(1'500, 'x'); }, true);
    while (recorder.counters().waiting_segments < closed) std::this_thread::yield();
  }
  CHECK(std::ranges::max(slow.sizes()) < 2'000);
  slow.target.answer();
  recorder.stop();
  CHECK(slow.target.folded() == 10);
  CHECK(recorder.counters().journal.written == 10);
}

TEST_CASE("what waits when the recorder stops is folded by the thread that stops it") {
  Slow slow;
  slow.target.take_at_most(1);
  Recorder recorder(slow.options(), slow.target, [] { return now; });
  good(recorder.start());
  slow.target.wait_until_asked();
  for (std::uint64_t closed = 1; closed <= 3; ++closed) {
    recorder.append([] { return std::string(1'500, 'x'); }, true);
    while (recorder.counters().waiting_segments < closed) std::this_thread::yield();
  }
  // The syncing thread ends as soon as the recorder stops. The folding thread learns of it at the same time.
  const auto answer = std::async(std::launch::async, [&, without_this = threads_of_process()] {
    while (threads_of_process() > without_this) std::this_thread::yield();
    slow.target.answer();
  });
  recorder.stop();
  CHECK(slow.target.folded() == 3);
  CHECK(std::ranges::count(slow.target.threads(), std::this_thread::get_id()) == 3);
}

TEST_CASE("a database that takes a part of the segments gets the others next, each once") {
  Slow slow;
  slow.target.take_at_most(2);
  Recorder recorder(slow.options(), slow.target, [] { return now; });
  good(recorder.start());
  slow.target.wait_until_asked();
  for (std::uint64_t closed = 1; closed <= 5; ++closed) {
    recorder.append([] { return std::string(1'500, 'x'); }, true);
    while (recorder.counters().waiting_segments < closed) std::this_thread::yield();
  }
  slow.target.answer();
  recorder.stop();
  CHECK(slow.target.folded() == 5);
  CHECK(slow.target.folds() == 3);
  CHECK(slow.sizes().empty());
}

TEST_CASE("while the database does not answer, the journal stays within its limit, and losses are counted") {
  Slow slow;
  Recorder recorder(slow.options(), slow.target, [] { return now; });
  good(recorder.start());
  slow.target.wait_until_asked();
  constexpr std::uint64_t records = 1'000;
  for (std::uint64_t i = 0; i < records; ++i) {
    recorder.append([] { return std::string(500, 'x'); }, true);
    // A segment has two records, and the thread that closes it must have had its turn.
    const std::uint64_t closed = (i + 1) / 2;
    while (recorder.counters().journal.held_back == 0 && recorder.counters().waiting_segments < closed)
      std::this_thread::yield();
  }
  std::uintmax_t size = 0;
  for (const std::uintmax_t bytes : slow.sizes()) size += bytes;
  CHECK(size < 25'000);
  const RecorderCounters counters = recorder.counters();
  CHECK(counters.journal.lost > 0);
  CHECK(counters.journal.written + counters.journal.held_back + counters.journal.lost == records);
  slow.target.answer();
  recorder.stop();
  CHECK(slow.target.folded() == recorder.counters().journal.written);
}
