#include "listtool/publish/observe.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "base/try.h"
#include "event/run_each.h"
#include "listtool/publish/observation.h"
#include "listtool/publish/reports.h"

namespace starttls::listtool::publish {
namespace {

constexpr std::size_t saved_at_once = 200;

class Observer {
 public:
  Observer(Publisher& publisher, Examiner& examiner, Deliveries& deliveries,
           std::vector<listingdb::KeptEntry> due)
      : publisher_(publisher), examiner_(examiner), deliveries_(deliveries), due_(std::move(due)) {}

  event::Task<bool> run() {
    return event::run_each(due_.size(), max_examinations, [this](std::size_t index) { return work(index); });
  }

  Result<listing::ObservationCounts> finish() {
    if (saved_) saved_ = save();
    TRY(std::exchange(saved_, {}));
    return counts_;
  }

 private:
  event::Task<bool> work(std::size_t index) {
    listingdb::KeptEntry& kept = due_[index];
    const DomainName domain = kept.entry.domain;
    const dns::Answer record =
        co_await examiner_.ask(std::string(consent_label) + domain.str(), dns::Type::txt);
    const examination::DomainFacts facts = co_await examiner_.gatherer().gather(domain);
    if (auto taken =
            take(std::exchange(kept, listingdb::KeptEntry{.entry = {.domain = domain}}), facts, record);
        !taken && saved_) {
      saved_ = std::move(taken);
    }
    if (changes_.size() >= saved_at_once && saved_) saved_ = save();
    co_return saved_.has_value();
  }

  Result<void> take(listingdb::KeptEntry kept, const examination::DomainFacts& facts,
                    const dns::Answer& record) {
    const PublishSettings& settings = publisher_.settings();
    Observed observed = observation_of(kept, facts, record, settings.name);
    ++counts_.all;
    if (observed.observation.soundness == listing::Soundness::unknown) ++counts_.unknown;
    observed.observation.deliveries = TRY(deliveries_.recent(kept.entry.domain));
    listing::Transitions transitions = listing::observe(kept.entry, observed.observation, settings.rules);
    kept.policy_until = observed.policy_until;
    kept.contact = std::move(observed.contact);
    kept.faults = std::move(observed.observation.faults);
    changes_.push_back({.kept = std::move(kept), .transitions = std::move(transitions)});
    return {};
  }

  Result<void> save() { return publisher_.db().save(std::exchange(changes_, {})); }

  Publisher& publisher_;
  Examiner& examiner_;
  Deliveries& deliveries_;
  std::vector<listingdb::KeptEntry> due_;
  std::vector<listingdb::Change> changes_;
  listing::ObservationCounts counts_;
  Result<void> saved_;
};

Result<std::vector<listingdb::KeptEntry>> find_all(Publisher& publisher,
                                                   const std::vector<DomainName>& domains) {
  std::vector<listingdb::KeptEntry> all;
  all.reserve(domains.size());
  for (const DomainName& domain : domains) {
    auto kept = TRY(publisher.db().find(domain));
    if (!kept) return unknown_domain(publisher.context(), domain);
    if (kept->entry.state == listing::State::removed) {
      return fail(Fault::usage, "{} was removed: '{}' adds it again", domain.str(),
                  command_line(publisher.context(), "add " + domain.str()));
    }
    all.push_back(std::move(*kept));
  }
  return all;
}

}  // namespace

Result<listing::ObservationCounts> observe_due(Publisher& publisher, ExaminerSettings settings,
                                               const std::vector<DomainName>& domains) {
  const Time before = publisher.context().now - std::chrono::hours(publisher.settings().check_hours);
  auto due = TRY(domains.empty() ? publisher.db().due(before) : find_all(publisher, domains));
  if (due.empty()) return listing::ObservationCounts();
  const auto examiner = TRY(Examiner::create(std::move(settings), publisher.context()));
  Deliveries deliveries = TRY(Deliveries::open(publisher));
  Observer observer(publisher, *examiner, deliveries, std::move(due));
  examiner->loop().run_until_complete(observer.run());
  return observer.finish();
}

Result<void> expire_entries(Publisher& publisher) {
  std::vector<listingdb::Change> changes;
  for (listingdb::KeptEntry& kept : TRY(publisher.db().expiring())) {
    const bool was_manual = kept.entry.manual.has_value();
    listing::Transitions transitions =
        listing::expire(kept.entry, publisher.context().now, publisher.settings().rules);
    if (!transitions.empty() || was_manual != kept.entry.manual.has_value())
      changes.push_back({.kept = std::move(kept), .transitions = std::move(transitions)});
  }
  return publisher.db().save(changes);
}

}  // namespace starttls::listtool::publish
