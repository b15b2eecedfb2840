#include "outbound/recorder.h"

#include <exception>
#include <new>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/guarded.h"
#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "outbound/fold.h"
#include "store/log_position.h"

namespace starttls::outbound {
namespace {

journal::RecorderOptions journal_options(const RecorderOptions& options) {
  journal::RecorderOptions all = options.journal;
  all.what = "results";
  return all;
}

}  // namespace

// The store, which results are folded into.
class Recorder::Folding final : public journal::Target {
 public:
  Folding(RecorderOptions options, Clock clock) : options_(std::move(options)), clock_(std::move(clock)) {}

  void configure(const RecorderRules& rules) { rules_.set(rules); }
  FoldCounters counters() const { return counters_.get(); }

  Result<void> open() override {
    if (!store_) store_ = TRY(options_.open_store());
    return {};
  }
  bool is_open() const override { return store_ != nullptr; }
  void close() override {
    store_.reset();
    known_.clear();
  }

  Result<std::size_t> fold(const std::vector<std::string>& segments,
                           const journal::ReadSegment& read) override {
    const auto outcome = TRY(outbound::fold(*store_, segments, read, rules_.get().limits, known_, clock_()));
    counters_.lock()->folded += outcome.total;
    log_losses(outcome);
    TRY(store::keep_position(options_.journal.directory, outcome.position));
    return outcome.segments;
  }

  Result<void> forget_segments(Time folded_before) override { return store_->forget_segments(folded_before); }

  Result<void> finish_round(std::size_t) override {
    const auto retention = rules_.get().retention;
    if (retention.count() == 0) return {};
    const Time now = clock_();
    const Day today = to_day(now);
    if (pruned_at_ && to_day(*pruned_at_) == today && now >= *pruned_at_ &&
        now - *pruned_at_ < store::prune_again_after) {
      return {};
    }
    const auto removed = TRY(store_->prune(today - retention, today - std::min(retention, text_retention)));
    counters_.lock()->pruned_days += removed;
    pruned_at_ = now;
    return {};
  }

  Result<void> repair_after(const Error& error) override {
    if (error.fault != Fault::data || !options_.repair_store) return {};
    TRY(options_.repair_store());
    return {};
  }

 private:
  void log_losses(const FoldOutcome& outcome) {
    if (outcome.total.malformed > 0) {
      if (const auto silent = malformed_log_.permit(clock_())) {
        log_warning("ignored {} without a result of a mail server: {}",
                    counted(outcome.total.malformed, "datagram"), printable(outcome.malformed_reason));
      }
    }
    if (outcome.total.left_out == 0) return;
    if (const auto silent = left_out_log_.permit(clock_())) {
      log_warning(
          "the day has results under more than {} policies; {} were left out (collector.max_policies)",
          rules_.get().limits.max_policies, counted(outcome.total.left_out, "session"));
    }
  }

  RecorderOptions options_;
  const Clock clock_;
  std::unique_ptr<Store> store_;  // none: to be opened at the next fold
  KnownResults known_;            // in the store
  std::optional<Time> pruned_at_;
  OncePerMinute malformed_log_;
  OncePerMinute left_out_log_;
  Guarded<FoldCounters> counters_;
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

void Recorder::stop() {
  recorder_->stop();
}

void Recorder::record(std::span<const ReceivedResult> results) noexcept {
  recorder_->append(results.size(), [&](std::size_t index) { return encode(results[index]); });
}

void Recorder::record(const LoggedResults& results) noexcept {
  std::vector<std::string> parts;
  try {
    parts = encode_in_parts(results);
  } catch (const std::exception&) {  // out of memory: append() counts the record as lost
    recorder_->append([]() -> std::string { throw std::bad_alloc(); }, true);
    return;
  }
  recorder_->append(parts.size(), [&](std::size_t index) { return std::move(parts[index]); });
}

RecorderCounters Recorder::counters() const {
  return {recorder_->counters(), folding_->counters()};
}

Result<std::optional<session::LogPosition>> log_position(const std::filesystem::path& journal) {
  return store::read_position(journal, [](std::string_view payload) -> std::optional<session::LogPosition> {
    const auto record = decode(payload);
    return record ? position_of(*record) : std::nullopt;
  });
}

}  // namespace starttls::outbound
