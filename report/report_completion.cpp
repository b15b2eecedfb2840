#include "report/report_completion.h"

#include <utility>

#include "base/try.h"

namespace starttls::report {

ReportCompletion::ReportCompletion(Lookups lookups, const DestinationFacts& facts,
                                   std::function<void(const std::string&)> warn, Take take)
    : lookups_(std::move(lookups)), facts_(facts), warn_(std::move(warn)), take_(std::move(take)) {}

Result<void> ReportCompletion::add(OutboundReport&& report, const Decision& decision) {
  Waiting one{.report = std::move(report), .decision = decision};
  if (!wants_destinations(one) && !wants_policy(one)) return take_(std::move(one.report), decision);
  waiting_.push_back(std::move(one));
  return waiting_.size() < max_together ? Result<void>() : finish();
}

Result<void> ReportCompletion::finish() {
  TRY(find_destinations());
  TRY(find_policies());
  for (Waiting& one : std::exchange(waiting_, {})) TRY(take_(std::move(one.report), one.decision));
  return {};
}

bool ReportCompletion::wants_destinations(const Waiting& one) const {
  return lookups_.destinations && one.decision.status == ReportStatus::reported &&
         one.decision.destinations.empty();
}

// None of a report that is not sent.
bool ReportCompletion::wants_policy(const Waiting& one) const {
  return !one.report.unknown_policies.empty() &&
         (one.decision.status == ReportStatus::reported || !lookups_.destinations);
}

Result<void> ReportCompletion::find_destinations() {
  std::set<std::string> domains;
  for (const Waiting& one : waiting_) {
    if (wants_destinations(one)) domains.insert(one.report.domain);
  }
  if (domains.empty()) return {};
  const auto found = TRY(lookups_.destinations(domains));
  for (auto& [report, decision] : waiting_) {
    const auto answer = found.find(report.domain);
    if (!domains.contains(report.domain) || !decision.destinations.empty() || answer == found.end() ||
        answer->second.is_temporary)
      continue;
    decision.destinations = answer->second.destinations;
    if (decision.destinations.empty()) {
      decision.status = ReportStatus::no_record;
    } else {
      drop_suppressed(decision, facts_);
    }
  }
  return {};
}

Result<void> ReportCompletion::find_policies() {
  std::set<std::string> domains;
  for (const Waiting& one : waiting_) {
    if (wants_policy(one)) domains.insert(one.report.domain);
  }
  if (domains.empty()) return {};
  const auto published = TRY(lookups_.policies(domains));
  for (const auto& [domain, policy] : published) {
    if (!policy.error.empty())
      warn_(fmt::format("{}: reported without its policy: {}", domain, policy.error));
  }
  for (Waiting& one : waiting_) {
    const auto policy = published.find(one.report.domain);
    if (wants_policy(one) && policy != published.end()) set_policy(one.report, policy->second);
  }
  return {};
}

}  // namespace starttls::report
