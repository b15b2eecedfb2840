#include "journal/recorder.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <set>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::journal {
namespace {

namespace fs = std::filesystem;

// How long a folded segment's id is remembered after its file was removed: a report that opened the file just
// before must still find the id.
constexpr auto remember_segments = std::chrono::hours{24};

// Renames a segment that could not be read, so that it can be inspected.
Result<void> set_aside(const fs::path& segment) {
  std::error_code error;
  fs::rename(segment, fs::path(segment).replace_extension(".damaged"), error);
  if (error) return fail(Fault::io, "{}: {}", printable(segment.string()), error.message());
  return {};
}

// Lowers the priority of the calling thread. When other threads of the daemon need the processor, this one
// gets a tenth of it, which is more than folds need; it gets all of an idle one. If the priority cannot be
// set, the thread has the same as the others.
void yield_to_mail() {
  constexpr int nice = 10;
  (void)::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice);
}

Result<void> remove_file(const fs::path& file) {
  std::error_code error;
  if (!fs::remove(file, error) && error)
    return fail(Fault::io, "{}: {}", printable(file.string()), error.message());
  return {};
}

// Whether the database cannot be written at present: another process has locked it, or its server does not
// answer.
bool is_away(const Error& error) {
  return error.fault == Fault::temporary || error.fault == Fault::unavailable;
}

}  // namespace

Recorder::Recorder(RecorderOptions options, Target& target, Clock clock)
    : options_(std::move(options)),
      target_(target),
      clock_(std::move(clock)),
      journal_(options_.directory, options_.max_held_back_bytes, options_.is_counted) {}

Recorder::~Recorder() {
  stop();
}

// A thread of the recorder. It does its work from time to time, until the recorder stops.
class Recorder::Thread {
 public:
  explicit Thread(Recorder& recorder) : recorder_(recorder) {}

  // Does the work once per `interval`, and as soon as it is `due`.
  void run(std::chrono::milliseconds interval, const std::function<bool()>& due,
           const std::function<void()>& work) {
    auto stopping = recorder_.stopping_.lock();
    while (!*stopping) {
      stopping.unlock();
      attempt(work);
      stopping.lock();
      stopping.wait_for(recorder_.wake_, interval, [&] { return *stopping || due(); });
    }
  }

 private:
  void attempt(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& e) {
      // Out of memory; the next attempt may succeed.
      recorder_.log_failure({.fault = Fault::internal, .message = e.what()});
    }
  }

  Recorder& recorder_;
};

Result<void> Recorder::start() {
  if (auto opened = journal_.open(clock_()); !opened) {
    if (opened.error().fault == Fault::temporary) return opened;
    log_failure(opened.error());
  }
  sync_thread_ = std::thread([this] {
    Thread(*this).run(options_.sync_interval, [this] { return rotate_early_.load(); }, [this] { sync(); });
  });
  fold_thread_ = std::thread([this] {  // at once, for segments of an earlier process
    yield_to_mail();
    Thread(*this).run(
        options_.fold_interval, [this] { return fold_early_.load(); }, [this] { fold_round(); });
  });
  return {};
}

void Recorder::append(const std::function<std::string()>& encode, bool is_counted) noexcept {
  try {
    journal_.append(encode());
    close_early_if_large();
  } catch (const std::exception& e) {  // out of memory
    const auto counters = counters_.lock();
    ++counters->journal.lost;
    if (is_counted) ++counters->journal.counted.lost;
  }
}

void Recorder::append(std::size_t size,
                      const std::function<std::string(std::size_t index)>& encode) noexcept {
  try {
    std::vector<std::string> payloads;
    payloads.reserve(size);
    for (std::size_t index = 0; index < size; ++index) payloads.push_back(encode(index));
    journal_.append(payloads);
    close_early_if_large();
  } catch (const std::exception& e) {  // out of memory
    const auto counters = counters_.lock();
    counters->journal.lost += size;
    counters->journal.counted.lost += size;
  }
}

void Recorder::close_early_if_large() {
  if (journal_.current_bytes() < options_.max_segment_bytes || is_large_.exchange(true)) return;
  // With the lock, so that the thread does not miss it just before it waits.
  const auto lock = stopping_.lock();
  rotate_early_ = true;
  wake_.notify_all();
}

void Recorder::fold_early_if_much_waits() {
  if (counters_.lock()->waiting_bytes < options_.max_batch_bytes) return;
  const auto lock = stopping_.lock();
  fold_early_ = true;
  wake_.notify_all();
}

Result<void> Recorder::rotate() {
  TRY(journal_.rotate(clock_()));
  is_large_ = false;
  close_early_if_large();  // the new one, by records that came since
  return {};
}

void Recorder::sync() {
  rotate_early_ = false;
  if (auto synced = journal_.keep(clock_()); !synced) log_failure(synced.error());
  // A fold may take long, or wait for its database. Meanwhile the journal grows, but not a segment, which is read as a
  // whole, nor beyond its limit.
  if (journal_.current_bytes() < options_.max_segment_bytes) return;
  if (auto rotated = rotate(); !rotated) log_failure(rotated.error());
  measure_waiting();
  fold_early_if_much_waits();
}

void Recorder::fold_round() {
  fold_early_ = false;
  if (auto rotated = rotate(); !rotated) log_failure(rotated.error());
  fold_waiting(By::fold_thread);
  // No failure since the last round, and no record waits for the disk.
  const std::uint64_t failures = counters_.lock()->failures;
  if (is_failing_ && failures == failures_at_round_ && journal_.counters().held_back == 0) {
    is_failing_ = false;
    log_info("{}: recording works again; {} lost so far: {}", printable(options_.directory.string()),
             options_.what, counters().journal.counted.lost);
  }
  failures_at_round_ = failures;
}

void Recorder::stop() {
  if (!fold_thread_.joinable()) return;
  stopping_.set(true);
  wake_.notify_all();
  sync_thread_.join();
  fold_thread_.join();
  // The last chance for held-back records: the disk may have space again.
  sync();
  if (auto closed = journal_.close(); !closed) log_failure(closed.error());
  fold_waiting(By::stop);
  target_.close();
  journal_.unlock();
}

void Recorder::fold_waiting(By by) {
  auto folded = fold_segments(by);
  measure_waiting();
  if (folded && target_.is_open()) folded = target_.finish_round(counters_.lock()->waiting_segments);
  if (!folded) {
    log_failure(folded.error());
    target_.close();
    if (const auto repaired = target_.repair_after(folded.error()); !repaired) log_failure(repaired.error());
    return;
  }
  counters_.lock()->last_fold = clock_();
}

Result<void> Recorder::fold_segments(By by) {
  // The process that holds the lock writes the open segment.
  if (!journal_.holds_lock()) return {};
  auto segments = TRY(journal_.closed_segments());
  TRY(target_.open());
  const auto is_nothing_to_fold = [](const fs::path& segment) {
    std::error_code unknown;
    // A segment that was closed without a record needs no database.
    const bool is_empty = fs::file_size(segment, unknown) == segment_magic.size() && !unknown;
    return is_empty && remove_file(segment).has_value();
  };
  std::erase_if(segments, is_nothing_to_fold);
  Result<void> outcome;
  for (std::span<const fs::path> rest = segments; !rest.empty();) {
    // Where other programs need the processors, this thread could take minutes, for which stop() would wait.
    if (by == By::fold_thread && *stopping_.lock()) break;
    const auto batch = first_batch(rest);
    // One bad segment does not delay the others. A database that is not available does, as each segment would
    // wait for it in turn.
    const auto folded = fold_batch(batch);
    if (!folded && is_away(folded.error())) return std::unexpected(folded.error());
    if (!folded && outcome) outcome = std::unexpected(folded.error());
    rest = rest.subspan(folded.value_or(batch.size()));
    // After each batch of a long backlog there is more room for new records.
    if (!rest.empty()) measure_waiting();
  }
  if (segments.empty() || !outcome) return outcome;
  // After a large fold, return the memory to the system (malloc_trim(3)).
  (void)::malloc_trim(0);
  TRY(sync_directory(options_.directory));
  // The removed files cannot reappear now, so no report asks for an older id any more.
  return target_.forget_segments(clock_() - remember_segments);
}

std::vector<fs::path> Recorder::first_batch(std::span<const fs::path> segments) const {
  std::vector<fs::path> batch;
  std::uint64_t bytes = 0;
  for (const fs::path& segment : segments) {
    std::error_code gone;
    const auto size = fs::file_size(segment, gone);
    bytes += gone ? 0 : size;
    if (!batch.empty() && bytes > options_.max_batch_bytes) break;
    batch.push_back(segment);
  }
  return batch;
}

namespace {

// Reads the segments of a batch, and remembers those that cannot be read.
class BatchReader {
 public:
  explicit BatchReader(const fs::path& journal) : journal_(journal) {}

  // Implements ReadSegment.
  bool read(const std::string& id, const TakePayload& take) {
    const fs::path file = journal_ / (id + std::string(segment_suffix));
    const auto text = read_file(file, max_segment_size);
    if (!text) {
      unread_.insert(id);
      outcome_ = std::unexpected(text.error());
      return false;
    }
    // It waits for the newer version to be installed again.
    if (is_newer_segment(*text)) {
      unread_.insert(id);
      // Not Fault::data, which would mean a damaged database.
      outcome_ =
          fail(Fault::io, "{}: {}", printable(file.string()), read_segment(*text, take).error().message);
      return false;
    }
    const auto damage = read_segment(*text, take);
    if (!damage || damage->any()) damaged_.insert(id);
    if (!damage) {
      // Not Fault::data, which would mean a damaged database.
      outcome_ =
          fail(Fault::io, "{}: {}; kept as .damaged", printable(file.string()), damage.error().message);
    } else if (damage->any()) {
      log_warning("{}: ignored {}, and {} at the end; kept as .damaged", printable(file.string()),
                  counted(damage->records, "damaged record"), counted(damage->tail, "byte"));
    }
    return true;
  }

  // Must be called after the fold.
  Result<void> remove(const fs::path& segment) const {
    const std::string id = segment_id(segment);
    if (unread_.contains(id)) return {};
    return damaged_.contains(id) ? set_aside(segment) : remove_file(segment);
  }

  // The last error in a file.
  const Result<void>& outcome() const { return outcome_; }

 private:
  const fs::path& journal_;
  std::set<std::string> unread_;  // ids
  std::set<std::string> damaged_;
  Result<void> outcome_;
};

}  // namespace

Result<std::size_t> Recorder::fold_batch(const std::vector<fs::path>& batch) {
  std::vector<std::string> ids;
  ids.reserve(batch.size());
  for (const fs::path& segment : batch) ids.push_back(segment_id(segment));
  BatchReader reader(options_.directory);
  const auto folded = TRY(target_.fold(
      ids, [&](const std::string& id, const TakePayload& take) { return reader.read(id, take); }));
  for (const fs::path& segment : std::span(batch).first(folded)) TRY(reader.remove(segment));
  TRY(reader.outcome());
  return folded;
}

void Recorder::measure_waiting() {
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  const auto segments = journal_.closed_segments();
  for (const fs::path& segment : segments.value_or(std::vector<fs::path>())) {
    std::error_code gone;
    const auto size = fs::file_size(segment, gone);
    if (gone) continue;
    bytes += size;
    ++count;
  }
  {
    const auto counters = counters_.lock();
    counters->waiting_bytes = bytes;
    counters->waiting_segments = count;
  }
  journal_.set_full(bytes > options_.max_waiting_bytes);
}

void Recorder::log_failure(const Error& error) {
  ++counters_.lock()->failures;
  is_failing_ = true;
  const auto silent = failure_log_.permit(clock_());
  if (!silent) return;
  const RecordCounts now = counters().journal.counted;
  log_error("{}; mail is not affected; {} held back in memory: {}, lost so far: {}{}", error.message,
            options_.what, now.held_back, now.lost,
            *silent > 0 ? fmt::format(" ({} not logged)", counted(*silent, "such failure")) : "");
}

RecorderCounters Recorder::counters() const {
  RecorderCounters counters = counters_.get();
  JournalCounters journal = journal_.counters();
  journal.lost += counters.journal.lost;
  journal.counted.lost += counters.journal.counted.lost;
  counters.journal = journal;
  return counters;
}

}  // namespace starttls::journal
