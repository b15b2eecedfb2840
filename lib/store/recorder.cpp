#include "store/recorder.h"

#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <exception>
#include <set>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "store/segment.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

// How long a folded segment's id is remembered after its file was removed: a report that opened the file just
// before must still find the id.
constexpr auto remember_segments = std::chrono::hours{24};

constexpr std::size_t max_position_size = 65536;  // bytes of the file

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

fs::path position_file(const fs::path& journal) {
  return journal / "log-position";
}

// Whether the store cannot be written at present: another process has locked it, or its server does not
// answer.
bool is_away(const Error& error) {
  return error.fault == Fault::temporary || error.fault == Fault::unavailable;
}

using Position = std::optional<session::LogPosition>;

void keep_newer(Position& position, const Position& other) {
  if (other && (!position || position->number < other->number)) position = other;
}

// The position that keep_position() wrote, if any.
Result<Position> kept_position(const fs::path& journal) {
  const fs::path file = position_file(journal);
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  const auto text = TRY(read_file(file, max_position_size));
  // A damaged file is ignored: a line that is read twice matches no session a second time.
  const auto record = decode_record(text);
  const auto* event = record ? std::get_if<LogEvent>(&*record) : nullptr;
  return event != nullptr ? Position(event->position) : std::nullopt;
}

// Must be called before the segment with the position is removed. Segments may be folded out of order, if one
// could not be read for a while, or a clock was set back.
Result<void> keep_position(const fs::path& journal, const Position& position) {
  if (!position) return {};
  const Position newest = kept_position(journal).value_or(std::nullopt);
  if (newest && newest->number >= position->number) return {};
  return replace_file(position_file(journal), encode(LogEvent{.position = *position}), 0640);
}

std::string no_sender(const std::string&) {
  return {};
}

}  // namespace

Recorder::Recorder(RecorderOptions options, Clock clock)
    : options_([&] {
        if (!options.sending_domain) options.sending_domain = no_sender;
        return std::move(options);
      }()),
      clock_(std::move(clock)),
      journal_(options_.journal, options_.max_held_back_bytes) {}

Recorder::~Recorder() {
  stop();
}

void Recorder::configure(const RecorderRules& rules) {
  rules_.set(rules);
}

// A thread of the recorder. It does its work from time to time, until the recorder stops.
class Recorder::Thread {
 public:
  explicit Thread(Recorder& recorder) : recorder_(recorder) {}

  // Does the work when it is `due`. Checks that at least once per `interval`.
  void run(std::chrono::milliseconds interval, const std::function<bool()>& due,
           const std::function<void()>& work) {
    auto stopping = recorder_.stopping_.lock();
    while (!*stopping) {
      stopping.unlock();
      if (due()) attempt(work);
      stopping.lock();
      stopping.wait_for(recorder_.wake_, interval, [&] { return *stopping; });
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
  sync_thread_ = std::thread(
      [this] { Thread(*this).run(options_.sync_interval, [] { return true; }, [this] { sync(); }); });
  fold_thread_ =
      std::thread([this, next = Steady::now()]() mutable {  // at once, for segments of an earlier process
        yield_to_mail();
        const auto due = [&] {
          return Steady::now() >= next || journal_.current_bytes() >= options_.max_segment_bytes;
        };
        Thread(*this).run(std::min(options_.sync_interval, options_.fold_interval), due, [&] {
          fold_round();
          next = Steady::now() + options_.fold_interval;
        });
      });
  return {};
}

bool Recorder::append(const std::function<std::string()>& encoded) noexcept {
  try {
    journal_.append(encoded());
    return true;
  } catch (const std::exception& e) {  // out of memory
    ++counters_.lock()->journal.lost;
    return false;
  }
}

void Recorder::record(const session::Session& session) noexcept {
  const bool done = append([&] { return encode(session); });
  if (!done && !session.excluded) ++counters_.lock()->journal.sessions.lost;
}

void Recorder::record(const LogEvent& event) noexcept {
  (void)append([&] { return encode(event); });
}

void Recorder::sync() {
  if (auto synced = journal_.keep(clock_()); !synced) log_failure(synced.error());
}

void Recorder::fold_round() {
  if (auto rotated = journal_.rotate(clock_()); !rotated) log_failure(rotated.error());
  fold_waiting();
  // No failure since the last round, and no record waits for the disk.
  const std::uint64_t failures = counters_.lock()->failures;
  if (is_failing_ && failures == failures_at_round_ && journal_.counters().held_back == 0) {
    is_failing_ = false;
    log_info("{}: recording works again; sessions lost so far: {}", printable(options_.journal.string()),
             counters().journal.sessions.lost);
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
  fold_waiting();
  store_.reset();
  journal_.unlock();
}

void Recorder::fold_waiting() {
  auto folded = fold_segments();
  measure_waiting();
  if (folded && store_) folded = count_overdue();
  if (folded && store_) folded = prune();
  if (!folded) {
    log_failure(folded.error());
    store_.reset();
    repair_after(folded.error());
    return;
  }
  counters_.lock()->last_fold = clock_();
  if (store_ && options_.folded) options_.folded(*store_);
}

void Recorder::repair_after(const Error& error) {
  if (error.fault != Fault::data || !options_.repair_store) return;
  if (const auto repaired = options_.repair_store(); !repaired) log_failure(repaired.error());
}

Result<void> Recorder::open_store() {
  if (store_) return {};
  store_ = TRY(options_.open_store());
  counted_waiting_at_.reset();
  return {};
}

Result<void> Recorder::fold_segments() {
  // The process that holds the lock writes the open segment.
  if (!journal_.holds_lock()) return {};
  auto segments = TRY(list_segments(options_.journal));
  TRY(open_store());
  const auto is_nothing_to_fold = [current = journal_.current_id()](const fs::path& segment) {
    std::error_code unknown;
    if (segment_id(segment) == current) return true;
    // A segment that was closed without a record needs no store.
    const bool is_empty = fs::file_size(segment, unknown) == segment_magic.size() && !unknown;
    return is_empty && remove_file(segment).has_value();
  };
  std::erase_if(segments, is_nothing_to_fold);
  Result<void> outcome;
  for (std::span<const fs::path> rest = segments; !rest.empty();) {
    const auto batch = first_batch(rest);
    rest = rest.subspan(batch.size());
    // One bad segment does not delay the others. A store that is not available does, as each segment would
    // wait for it in turn.
    auto folded = fold_batch(batch);
    if (!folded && is_away(folded.error())) return folded;
    if (!folded && outcome) outcome = folded;
    // After each batch of a long backlog there is more room for new sessions.
    if (!rest.empty()) measure_waiting();
  }
  if (segments.empty() || !outcome) return outcome;
  // After a large fold, return the memory to the system (malloc_trim(3)).
  (void)::malloc_trim(0);
  TRY(sync_directory(options_.journal));
  // The removed files cannot reappear now, so no report asks for an older id any more.
  return store_->forget_segments(clock_() - remember_segments);
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
  bool read(const std::string& id, SegmentContent& content) {
    const fs::path file = journal_ / (id + std::string(segment_suffix));
    const auto text = read_file(file, max_segment_size);
    if (!text) {
      unread_.insert(id);
      outcome_ = std::unexpected(text.error());
      return false;
    }
    const auto damage = read_segment(*text, [&](Record record) { content.add(std::move(record)); });
    if (!damage || damage->any()) damaged_.insert(id);
    if (!damage) {
      // Not Fault::data, which would mean a damaged store.
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

Result<void> Recorder::fold_batch(const std::vector<fs::path>& batch) {
  std::vector<std::string> ids;
  ids.reserve(batch.size());
  for (const fs::path& segment : batch) ids.push_back(segment_id(segment));
  BatchReader reader(options_.journal);
  const auto read = [&](const std::string& id, SegmentContent& content) { return reader.read(id, content); };
  const auto outcome = TRY(fold(*store_, ids, read, options_.sending_domain, clock_(), rules_.get().fold));
  if (outcome.added) add_outcome(outcome);
  TRY(keep_position(options_.journal, outcome.position));
  for (const fs::path& segment : batch) TRY(reader.remove(segment));
  return reader.outcome();
}

// Waiting records are checked in each fold; without folds, once a minute.
Result<void> Recorder::count_overdue() {
  const Time now = clock_();
  const RecorderCounters counters = counters_.get();
  const bool just_done =
      counted_waiting_at_ && now >= *counted_waiting_at_ && now - *counted_waiting_at_ < max_join_delay;
  if (counters.waiting_segments > 0 || just_done || (counted_waiting_at_ && counters.waiting_records == 0))
    return {};
  counted_waiting_at_ = now;
  add_outcome(TRY(count_waiting(*store_, now, rules_.get().fold)));
  return {};
}

// Removes few rows in each round, so that no fold waits long.
Result<void> Recorder::prune() {
  const auto retention = rules_.get().retention;
  if (retention.count() == 0) return {};
  const Day first = to_day(clock_()) - retention;
  if (pruned_for_ == first) return {};
  const std::size_t removed = TRY(store_->prune(first, options_.max_pruned_rows));
  counters_.lock()->pruned_rows += removed;
  if (removed == 0) pruned_for_ = first;
  return {};
}

void Recorder::add_outcome(const FoldOutcome& outcome) {
  {
    const auto counters = counters_.lock();
    counters->folded_sessions += outcome.sessions;
    counters->failed_handshakes += outcome.failed;
    counters->downgraded_sessions += outcome.downgraded;
    counters->waiting_records = outcome.waiting;
    for (const auto& [service, failures] : outcome.uncounted) counters->uncounted_failures += failures;
  }
  for (const auto& [service, failures] : outcome.uncounted) {
    if (logged_uncounted_.size() >= Services::max_services || !logged_uncounted_.insert(service).second)
      continue;
    log_info(
        "a failed handshake at '{}' in the mail server's log is not counted, because the milter saw no such "
        "session; later ones are not logged; see 'mta_log_services' in tlsrpt.toml(5)",
        printable(service));
  }
  for (const Downgrade& downgrade : outcome.downgrades) {
    log_warning("{} came without TLS at {}, after {} with up to {}, the last at {}",
                printable(downgrade.sender), to_rfc3339(downgrade.first_plaintext),
                counted(downgrade.tls_sessions, "session"), printable(downgrade.best_tls),
                to_rfc3339(downgrade.last_tls));
  }
}

void Recorder::measure_waiting() {
  std::uint64_t bytes = 0;
  std::uint64_t count = 0;
  const auto segments = list_segments(options_.journal);
  const std::string current = journal_.current_id();
  for (const fs::path& segment : segments.value_or(std::vector<fs::path>())) {
    std::error_code gone;
    const auto size = fs::file_size(segment, gone);
    if (gone || segment_id(segment) == current) continue;
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
  const RecordCounts now = counters().journal.sessions;
  log_error("{}; mail is not affected; sessions held back in memory: {}, lost so far: {}{}", error.message,
            now.held_back, now.lost,
            *silent > 0 ? fmt::format(" ({} not logged)", counted(*silent, "such failure")) : "");
}

RecorderCounters Recorder::counters() const {
  RecorderCounters counters = counters_.get();
  JournalCounters journal = journal_.counters();
  journal.lost += counters.journal.lost;
  journal.sessions.lost += counters.journal.sessions.lost;
  counters.journal = journal;
  return counters;
}

Result<std::optional<session::LogPosition>> log_position(const fs::path& journal) {
  Position newest;
  const auto segments = TRY(list_segments(journal));
  for (const fs::path& segment : segments) {
    const auto text = read_file(segment, max_segment_size);
    if (!text) continue;  // folded meanwhile: the position file, which is read last, has its position
    (void)read_segment(*text, [&](const Record& record) {
      if (const auto* event = std::get_if<LogEvent>(&record)) keep_newer(newest, event->position);
    });
  }
  const auto kept = TRY(kept_position(journal));
  keep_newer(newest, kept);
  return newest;
}

}  // namespace starttls::store
