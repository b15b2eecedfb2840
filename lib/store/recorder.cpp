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
#include "store/segment.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;
using Steady = std::chrono::steady_clock;

// How long a folded segment's id is remembered after its file has gone: a report that opened the file just
// before must still find the id.
constexpr auto remember_segments = std::chrono::hours{24};

constexpr std::size_t position_limit = 65536;  // bytes of the file

// Keeps what could not be read for a person to look at.
Result<void> set_aside(const fs::path& segment) {
  std::error_code error;
  fs::rename(segment, fs::path(segment).replace_extension(".damaged"), error);
  if (error) return fail(Fault::io, "{}: {}", printable(segment.string()), error.message());
  return {};
}

// The calling thread has a tenth of a processor that all of the daemon wants, which is more than folds need,
// and as much as it likes of any other. Where that is not possible it is as important as the others.
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

// Whether the store takes nothing for now: somebody has it locked, or it is away.
bool is_away(const Error& error) {
  return error.fault == Fault::temporary || error.fault == Fault::unavailable;
}

using Position = std::optional<session::LogPosition>;

void keep_newer(Position& position, const Position& other) {
  if (other && (!position || position->number < other->number)) position = other;
}

// What keep_position() left, if anything.
Result<Position> kept_position(const fs::path& journal) {
  const fs::path file = position_file(journal);
  std::error_code error;
  if (!fs::exists(file, error)) return std::nullopt;
  const auto text = read_file(file, position_limit);
  if (!text) return std::unexpected(text.error());
  // A damaged file is as none: what is read twice finds no session a second time.
  const auto record = decode_record(*text);
  const auto* note = record ? std::get_if<LogEvent>(&*record) : nullptr;
  return note != nullptr ? Position(note->position) : std::nullopt;
}

// Before the segment that has it is gone. Segments need not come in their order: one could not be read for a
// while, or a clock was set back.
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
      journal_(options_.journal, options_.held_back_bytes) {}

Recorder::~Recorder() {
  stop();
}

void Recorder::configure(const RecorderRules& rules) {
  const std::lock_guard guard(rules_mutex_);
  rules_ = rules;
}

RecorderRules Recorder::rules() const {
  const std::lock_guard guard(rules_mutex_);
  return rules_;
}

// A thread of the recorder: does its work now and then, until the recorder stops.
class Recorder::Thread {
 public:
  explicit Thread(Recorder& recorder) : recorder_(recorder) {}

  // Does the work when it is `due`; looks at least as often as `interval` says.
  void run(std::chrono::milliseconds interval, const std::function<bool()>& due,
           const std::function<void()>& work) {
    std::unique_lock lock(recorder_.mutex_);
    while (!recorder_.stopping_) {
      lock.unlock();
      if (due()) attempt(work);
      lock.lock();
      recorder_.wake_.wait_for(lock, interval, [this] { return recorder_.stopping_; });
    }
  }

 private:
  void attempt(const std::function<void()>& work) {
    try {
      work();
    } catch (const std::exception& e) {
      // No memory now, perhaps the next time.
      recorder_.trouble({.fault = Fault::internal, .message = e.what()});
    }
  }

  Recorder& recorder_;
};

Result<void> Recorder::start() {
  if (auto opened = journal_.open(clock_()); !opened) {
    if (opened.error().fault == Fault::temporary) return opened;
    trouble(opened.error());
  }
  keeper_ = std::thread(
      [this] { Thread(*this).run(options_.sync_interval, [] { return true; }, [this] { keep(); }); });
  folder_ = std::thread([this, next = Steady::now()]() mutable {  // at once: what an earlier process left
    yield_to_mail();
    const auto due = [&] {
      return Steady::now() >= next || journal_.current_bytes() >= options_.segment_bytes;
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
  } catch (const std::exception& e) {
    ++unrecorded_;  // no memory
    return false;
  }
}

void Recorder::record(const session::Session& session) noexcept {
  const bool done = append([&] { return encode(session); });
  if (!done && !session.excluded) ++unrecorded_sessions_;
}

void Recorder::record(const LogEvent& note) noexcept {
  (void)append([&] { return encode(note); });
}

void Recorder::keep() {
  if (auto kept = journal_.keep(clock_()); !kept) trouble(kept.error());
}

void Recorder::fold_round() {
  if (auto rotated = journal_.rotate(clock_()); !rotated) trouble(rotated.error());
  fold_waiting();
  // From one round to the next nothing went wrong, and nothing waits for the keeper.
  if (troubled_ && failures_ == failures_at_round_ && journal_.counters().held_back == 0) {
    troubled_ = false;
    log_info("{}: recording works again; sessions lost so far: {}", printable(options_.journal.string()),
             counters().journal.sessions.lost);
  }
  failures_at_round_ = failures_;
}

void Recorder::stop() {
  if (!folder_.joinable()) return;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  keeper_.join();
  folder_.join();
  // The last chance for what is held back: the trouble may have passed since the last time.
  keep();
  if (auto closed = journal_.close(); !closed) trouble(closed.error());
  fold_waiting();
  store_.reset();
  journal_.unlock();
}

void Recorder::fold_waiting() {
  auto folded = fold_segments();
  measure_waiting();
  if (folded && store_) folded = settle_waiting();
  if (folded && store_) folded = prune();
  if (!folded) {
    trouble(folded.error());
    store_.reset();
    repair_after(folded.error());
    return;
  }
  last_fold_ = clock_();
  if (store_ && options_.folded) options_.folded(*store_);
}

void Recorder::repair_after(const Error& error) {
  if (error.fault != Fault::data || !options_.repair_store) return;
  if (const auto repaired = options_.repair_store(); !repaired) trouble(repaired.error());
}

Result<void> Recorder::fold_segments() {
  // Whoever does not hold the lock would fold the open segment of the one who does.
  if (!journal_.holds_lock()) return {};
  auto segments = list_segments(options_.journal);
  if (!segments) return std::unexpected(segments.error());
  if (!store_) {
    auto opened = options_.open_store();
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
    settled_at_.reset();
  }
  const auto is_nothing_to_fold = [current = journal_.current_id()](const fs::path& segment) {
    std::error_code unknown;
    if (segment_id(segment) == current) return true;
    // One that was ended before it had a record needs no store.
    const bool is_empty = fs::file_size(segment, unknown) == segment_magic.size() && !unknown;
    return is_empty && remove_file(segment).has_value();
  };
  std::erase_if(*segments, is_nothing_to_fold);
  Result<void> outcome;
  for (std::span<const fs::path> rest = *segments; !rest.empty();) {
    const auto batch = batch_of(rest);
    rest = rest.subspan(batch.size());
    // One bad segment does not keep the others waiting; a store that is away does, or each would wait
    // for it in turn.
    auto folded = fold_batch(batch);
    if (!folded && is_away(folded.error())) return folded;
    if (!folded && outcome) outcome = folded;
    // A long backlog that shrinks makes room for new sessions.
    if (!rest.empty()) measure_waiting();
  }
  if (segments->empty() || !outcome) return outcome;
  // A daemon that has folded much and then rests need not keep what that took (malloc_trim(3)).
  (void)::malloc_trim(0);
  if (auto synced = sync_directory(options_.journal); !synced) return synced;
  // Every file is gone for good now, so that no id older than a report can be asked for again.
  return store_->forget_segments(clock_() - remember_segments);
}

std::vector<fs::path> Recorder::batch_of(std::span<const fs::path> segments) const {
  std::vector<fs::path> batch;
  std::uint64_t bytes = 0;
  for (const fs::path& segment : segments) {
    std::error_code gone;
    const auto size = fs::file_size(segment, gone);
    bytes += gone ? 0 : size;
    if (!batch.empty() && bytes > options_.batch_bytes) break;
    batch.push_back(segment);
  }
  return batch;
}

Result<void> Recorder::fold_batch(const std::vector<fs::path>& batch) {
  std::vector<std::string> ids;
  ids.reserve(batch.size());
  for (const fs::path& segment : batch) ids.push_back(segment_id(segment));
  std::set<std::string> unread;
  std::set<std::string> damaged;
  Result<void> trouble_with_files;
  const auto read = [&](const std::string& id, SegmentContent& content) {
    const fs::path file = options_.journal / (id + std::string(segment_suffix));
    const auto text = read_file(file, max_segment_size);
    if (!text) {
      unread.insert(id);
      trouble_with_files = std::unexpected(text.error());
      return false;
    }
    const auto damage = read_segment(*text, [&](Record record) { content.add(std::move(record)); });
    const bool is_sound = damage && !damage->any();
    if (!is_sound) damaged.insert(id);
    // Not Fault::data, which is about the store.
    if (!damage) {
      trouble_with_files =
          fail(Fault::io, "{}: {}; set aside", printable(file.string()), damage.error().message);
    } else if (damage->any()) {
      log_warning("{}: left out: {}, and {} at the end; set aside as .damaged", printable(file.string()),
                  counted(damage->records, "damaged record"), counted(damage->tail, "byte"));
    }
    return true;
  };
  const auto outcome = fold(*store_, ids, read, options_.sending_domain, clock_(), rules().fold);
  if (!outcome) return std::unexpected(outcome.error());
  if (outcome->added) note(*outcome);
  if (auto kept = keep_position(options_.journal, outcome->position); !kept) return kept;
  for (const fs::path& segment : batch) {
    if (unread.contains(segment_id(segment))) continue;
    auto gone = damaged.contains(segment_id(segment)) ? set_aside(segment) : remove_file(segment);
    if (!gone) return gone;
  }
  return trouble_with_files;
}

// What waits is looked at in each fold; where there is none, once a minute.
Result<void> Recorder::settle_waiting() {
  const Time now = clock_();
  const bool just_done = settled_at_ && now >= *settled_at_ && now - *settled_at_ < max_join_delay;
  if (waiting_segments_ > 0 || just_done || (settled_at_ && waiting_records_ == 0)) return {};
  settled_at_ = now;
  const auto outcome = count_waiting(*store_, now, rules().fold);
  if (!outcome) return std::unexpected(outcome.error());
  note(*outcome);
  return {};
}

// A little in each round, so that no fold waits for long.
Result<void> Recorder::prune() {
  const Day first = to_day(clock_()) - rules().retention;
  if (pruned_for_ == first) return {};
  const auto removed = store_->prune(first, options_.prune_rows);
  if (!removed) return std::unexpected(removed.error());
  pruned_rows_ += *removed;
  if (*removed == 0) pruned_for_ = first;
  return {};
}

void Recorder::note(const FoldOutcome& outcome) {
  folded_sessions_ += outcome.sessions;
  failed_handshakes_ += outcome.failed;
  downgraded_sessions_ += outcome.downgraded;
  waiting_records_ = outcome.waiting;
  for (const auto& [service, failures] : outcome.uncounted) {
    uncounted_failures_ += failures;
    if (told_uncounted_.size() >= Services::max_services || !told_uncounted_.insert(service).second) continue;
    log_info(
        "a handshake that failed at '{}', as the mail server logs, is not counted, since the milter saw no "
        "such "
        "session; the next ones are not logged; see 'mta_log_services' in tlsrpt.toml(5)",
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
  waiting_bytes_ = bytes;
  waiting_segments_ = count;
  journal_.set_full(bytes > options_.waiting_bytes);
}

void Recorder::trouble(const Error& error) {
  ++failures_;
  troubled_ = true;
  const auto silent = trouble_log_.permit(clock_());
  if (!silent) return;
  const RecordCounts now = counters().journal.sessions;
  log_error("{}; mail is not affected; sessions held back in memory: {}, lost so far: {}{}", error.message,
            now.held_back, now.lost,
            *silent > 0 ? fmt::format(" ({} left out)", counted(*silent, "such line")) : "");
}

RecorderCounters Recorder::counters() const {
  JournalCounters journal = journal_.counters();
  journal.lost += unrecorded_;
  journal.sessions.lost += unrecorded_sessions_;
  return {.journal = journal,
          .uncounted_failures = uncounted_failures_,
          .folded_sessions = folded_sessions_,
          .failed_handshakes = failed_handshakes_,
          .downgraded_sessions = downgraded_sessions_,
          .failures = failures_,
          .waiting_bytes = waiting_bytes_,
          .waiting_segments = waiting_segments_,
          .waiting_records = waiting_records_,
          .pruned_rows = pruned_rows_,
          .last_fold = last_fold_};
}

Result<std::optional<session::LogPosition>> log_position(const fs::path& journal) {
  Position newest;
  const auto segments = list_segments(journal);
  if (!segments) return std::unexpected(segments.error());
  for (const fs::path& segment : *segments) {
    const auto text = read_file(segment, max_segment_size);
    if (!text) continue;  // folded meanwhile: then its position is in the file, which is read last
    (void)read_segment(*text, [&](const Record& record) {
      if (const auto* note = std::get_if<LogEvent>(&record)) keep_newer(newest, note->position);
    });
  }
  const auto kept = kept_position(journal);
  if (!kept) return kept;
  keep_newer(newest, *kept);
  return newest;
}

}  // namespace starttls::store
