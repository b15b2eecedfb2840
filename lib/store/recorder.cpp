#include "store/recorder.h"

#include <utility>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "store/log_position.h"

namespace starttls::store {
namespace {

namespace fs = std::filesystem;

std::string no_sender(const std::string&) {
  return {};
}

// Takes the records of a payload.
journal::TakePayload take_records(const std::function<void(Record)>& take) {
  return [&take](std::string_view payload) {
    auto record = decode_record(payload);
    if (record) take(std::move(*record));
    return record.has_value();
  };
}

journal::RecorderOptions journal_options(const RecorderOptions& options) {
  journal::RecorderOptions all = options.journal;
  all.what = "sessions";
  all.is_counted = is_counted_session;
  return all;
}

}  // namespace

// The store, which sessions and failures are folded into.
class Recorder::Folding final : public journal::Target {
 public:
  Folding(RecorderOptions options, Clock clock) : options_(std::move(options)), clock_(std::move(clock)) {
    if (!options_.sending_domain) options_.sending_domain = no_sender;
  }

  void configure(const RecorderRules& rules) { rules_.set(rules); }
  SessionCounters counters() const { return counters_.get(); }

  Result<void> open() override {
    if (store_) return {};
    store_ = TRY(options_.open_store());
    counted_waiting_at_.reset();
    return {};
  }
  bool is_open() const override { return store_ != nullptr; }
  void close() override { store_.reset(); }

  Result<std::size_t> fold(const std::vector<std::string>& segments,
                           const journal::ReadSegment& read) override {
    const ReadSegment read_content = [&](const std::string& id, SegmentContent& content) {
      return read(id, take_records([&](Record record) { content.add(std::move(record)); }));
    };
    const auto outcome = TRY(
        store::fold(*store_, segments, read_content, options_.sending_domain, clock_(), rules_.get().fold));
    if (outcome.added) add_outcome(outcome);
    TRY(keep_position(options_.journal.directory, outcome.position));
    return segments.size();
  }

  Result<void> forget_segments(Time folded_before) override { return store_->forget_segments(folded_before); }

  Result<void> finish_round(std::size_t waiting_segments) override {
    TRY(count_overdue(waiting_segments));
    TRY(prune());
    if (options_.folded) options_.folded(*store_);
    return {};
  }

  Result<void> repair_after(const Error& error) override {
    if (error.fault != Fault::data || !options_.repair_store) return {};
    TRY(options_.repair_store());
    return {};
  }

 private:
  // Waiting records are checked in each fold; without folds, once a minute.
  Result<void> count_overdue(std::size_t waiting_segments) {
    const Time now = clock_();
    const bool just_done =
        counted_waiting_at_ && now >= *counted_waiting_at_ && now - *counted_waiting_at_ < max_join_delay;
    if (waiting_segments > 0 || just_done || (counted_waiting_at_ && counters_.lock()->waiting_records == 0))
      return {};
    counted_waiting_at_ = now;
    add_outcome(TRY(count_waiting(*store_, now, rules_.get().fold)));
    return {};
  }

  // Removes few rows in each round, so that no fold waits long.
  Result<void> prune() {
    const auto retention = rules_.get().retention;
    if (retention.count() == 0) return {};
    const Time now = clock_();
    const Day first = to_day(now) - retention;
    if (pruned_for_ == first && now >= pruned_at_ && now - pruned_at_ < prune_again_after) return {};
    const std::size_t removed = TRY(store_->prune(first, options_.max_pruned_rows));
    counters_.lock()->pruned_rows += removed;
    if (removed > 0) return {};
    pruned_for_ = first;
    pruned_at_ = now;
    return {};
  }

  void add_outcome(const FoldOutcome& outcome) {
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
          "a failed handshake at '{}' in the mail server's log is not counted, because the milter saw no "
          "such "
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

  RecorderOptions options_;
  const Clock clock_;
  std::unique_ptr<Store> store_;            // none: to be opened at the next fold
  std::optional<Time> counted_waiting_at_;  // empty until the first pass
  std::optional<Day> pruned_for_;           // what could be removed of earlier days is, at that time:
  Time pruned_at_;
  std::set<std::string> logged_uncounted_;  // services
  Guarded<SessionCounters> counters_;
  Guarded<RecorderRules> rules_;
};

Recorder::Recorder(const RecorderOptions& options, const Clock& clock)
    : folding_(std::make_unique<Folding>(options, clock)),
      recorder_(std::make_unique<journal::Recorder>(journal_options(options), *folding_, clock)) {}

Recorder::~Recorder() = default;

void Recorder::configure(const RecorderRules& rules) {
  folding_->configure(rules);
}

Result<void> Recorder::start() {
  return recorder_->start();
}

void Recorder::record(const session::Session& session) noexcept {
  recorder_->append([&] { return encode(session); }, !session.excluded);
}

void Recorder::record(const LogEvent& event) noexcept {
  recorder_->append([&] { return encode(event); }, false);
}

void Recorder::stop() {
  recorder_->stop();
}

RecorderCounters Recorder::counters() const {
  return {recorder_->counters(), folding_->counters()};
}

Result<std::optional<session::LogPosition>> log_position(const fs::path& journal) {
  return read_position(journal, [](std::string_view payload) -> std::optional<session::LogPosition> {
    const auto record = decode_record(payload);
    const auto* event = record ? std::get_if<LogEvent>(&*record) : nullptr;
    return event != nullptr ? std::optional(event->position) : std::nullopt;
  });
}

}  // namespace starttls::store
