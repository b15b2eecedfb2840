#include "store/recorder.h"

#include <exception>
#include <utility>

#include "base/text.h"
#include "store/segment.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;

// How long a folded segment's id is remembered after its file has gone: a report that opened the file just
// before must still find the id.
constexpr auto remember_segments = std::chrono::hours{24};

// Keeps what could not be read for a person to look at.
Result<void> set_aside(const fs::path& segment) {
  std::error_code error;
  fs::rename(segment, fs::path(segment).replace_extension(".damaged"), error);
  if (error) return fail(Fault::io, "{}: {}", printable(segment.string()), error.message());
  return {};
}

}  // namespace

Recorder::Recorder(RecorderOptions options, Clock clock, StoreOpener open_store)
    : options_(std::move(options)),
      clock_(std::move(clock)),
      open_store_(std::move(open_store)),
      journal_(options_.journal, options_.held_back_bytes) {}

Recorder::~Recorder() {
  stop();
}

Result<void> Recorder::start() {
  if (auto opened = journal_.open(clock_()); !opened) {
    if (opened.error().fault == Fault::temporary) return opened;
    trouble(opened.error());
  }
  thread_ = std::thread([this] { run(); });
  return {};
}

void Recorder::record(const Session& session) noexcept {
  try {
    journal_.append(encode(session));
  } catch (const std::exception& e) {
    ++unrecorded_;  // no memory
  }
}

void Recorder::run() {
  using Steady = std::chrono::steady_clock;
  auto next_fold = Steady::now();  // at once: what an earlier process left
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    lock.unlock();
    const bool due = Steady::now() >= next_fold || journal_.current_bytes() >= options_.segment_bytes;
    try {
      tick(due);
    } catch (const std::exception& e) {
      trouble({.fault = Fault::internal, .message = e.what()});  // no memory now, perhaps at the next tick
    }
    if (due) next_fold = Steady::now() + options_.fold_interval;
    lock.lock();
    wake_.wait_for(lock, std::min(options_.sync_interval, options_.fold_interval),
                   [this] { return stopping_; });
  }
}

void Recorder::tick(bool fold) {
  const std::uint64_t failures_before = failures_;
  if (auto kept = journal_.keep(clock_()); !kept) trouble(kept.error());
  if (!fold) return;
  if (auto rotated = journal_.rotate(clock_()); !rotated) trouble(rotated.error());
  fold_waiting();
  if (troubled_ && failures_ == failures_before) {
    troubled_ = false;
    spdlog::info("{}: recording works again; sessions lost so far: {}", printable(options_.journal.string()),
                 counters().journal.lost);
  }
}

void Recorder::stop() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard guard(mutex_);
    stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
  // The last chance for what is held back: the trouble may have passed since the last tick.
  if (auto kept = journal_.keep(clock_()); !kept) trouble(kept.error());
  if (auto closed = journal_.close(); !closed) trouble(closed.error());
  fold_waiting();
  store_.reset();
  journal_.unlock();
}

void Recorder::fold_waiting() {
  if (auto folded = fold_segments(); !folded) {
    trouble(folded.error());
    store_.reset();
  }
  measure_waiting();
}

Result<void> Recorder::fold_segments() {
  // Whoever does not hold the lock would fold the open segment of the one who does.
  if (!journal_.holds_lock()) return {};
  const auto segments = list_segments(options_.journal);
  if (!segments) return std::unexpected(segments.error());
  if (!store_) {
    auto opened = open_store_();
    if (!opened) return std::unexpected(opened.error());
    store_ = std::move(*opened);
  }
  const std::string current = journal_.current_id();
  Result<void> outcome;
  bool any = false;
  auto last_keep = std::chrono::steady_clock::now();
  for (const fs::path& segment : *segments) {
    if (segment_id(segment) == current) continue;
    // One bad segment does not keep the others waiting.
    if (auto folded = fold_segment(segment); !folded && outcome) outcome = folded;
    any = true;
    // A long backlog does not keep the journal from being synced.
    if (current.empty() || std::chrono::steady_clock::now() - last_keep < options_.sync_interval) continue;
    if (auto kept = journal_.keep(clock_()); !kept) trouble(kept.error());
    measure_waiting();
    last_keep = std::chrono::steady_clock::now();
  }
  if (!any || !outcome) return outcome;
  if (auto synced = sync_directory(options_.journal); !synced) return synced;
  // Every file is gone for good now, so that no id older than a report can be asked for again.
  return store_->forget_segments(clock_() - remember_segments);
}

Result<void> Recorder::fold_segment(const fs::path& segment) {
  const auto content = read_file(segment, segment_limit);
  if (!content) return std::unexpected(content.error());
  DailyCounts counts;
  std::uint64_t sessions = 0;
  const auto damage = read_segment(*content, [&](const Session& session) {
    add(counts, session);
    ++sessions;
  });
  if (!damage) {
    if (auto aside = set_aside(segment); !aside) return aside;
    return fail(Fault::data, "{}: {}; set aside", printable(segment.string()), damage.error().message);
  }
  if (!counts.empty()) {
    const auto added = store_->fold(segment_id(segment), counts, clock_());
    if (!added) return std::unexpected(added.error());
    if (*added) folded_sessions_ += sessions;
  }
  if (damage->any()) {
    spdlog::warn("{}: {} damaged records and {} bytes at the end are left out; set aside as .damaged",
                 printable(segment.string()), damage->records, damage->tail);
    return set_aside(segment);
  }
  std::error_code error;
  if (!fs::remove(segment, error) && error) {
    return fail(Fault::io, "{}: {}", printable(segment.string()), error.message());
  }
  return {};
}

void Recorder::measure_waiting() {
  std::uint64_t bytes = 0;
  const auto segments = list_segments(options_.journal);
  const std::string current = journal_.current_id();
  for (const fs::path& segment : segments.value_or(std::vector<fs::path>())) {
    std::error_code gone;
    const auto size = fs::file_size(segment, gone);
    if (!gone && segment_id(segment) != current) bytes += size;
  }
  waiting_bytes_ = bytes;
  journal_.set_full(bytes > options_.waiting_bytes);
}

void Recorder::trouble(const Error& error) {
  ++failures_;
  troubled_ = true;
  const auto silent = trouble_log_.permit(clock_());
  if (!silent) return;
  const JournalCounters now = counters().journal;
  spdlog::error("{}; mail is not affected; sessions held back in memory: {}, lost so far: {}{}",
                error.message, now.held_back, now.lost,
                *silent > 0 ? fmt::format(" ({} such lines left out)", *silent) : "");
}

RecorderCounters Recorder::counters() const {
  JournalCounters journal = journal_.counters();
  journal.lost += unrecorded_;
  return {.journal = journal,
          .folded_sessions = folded_sessions_,
          .failures = failures_,
          .waiting_bytes = waiting_bytes_};
}

}  // namespace starttls::store
