#include "report/evidence.h"

#include "base/counted.h"
#include "base/text.h"
#include "report/tables.h"

namespace starttls::report {

bool is_implausible(std::uint64_t reported, std::uint64_t seen) {
  return seen > 0 && seen < max_count / implausible_factor && reported > seen * implausible_factor;
}

bool ReportFilter::counts(const tlsrptdb::ReportedPolicy& reported) {
  if (!only_authenticated_ || !reported.signer.empty()) return true;
  reports_.insert(reported.report);
  reporters_.insert(reported.head.organization_name);
  return false;
}

const std::string& ReportFilter::reporter(const tlsrptdb::ReportedPolicy& reported) const {
  return only_authenticated_ ? reported.signer : reported.head.organization_name;
}

std::string ReportFilter::description() const {
  if (reports_.empty()) return {};
  return fmt::format("{} of {} {} not authenticated and {} not count", counted(reports_.size(), "report"),
                     counted(reporters_.size(), "reporter"), reports_.size() == 1 ? "is" : "are",
                     reports_.size() == 1 ? "does" : "do");
}

bool requires_authentication(const config::TlsrptConfig& configuration) {
  return !configuration.report.trusted_authserv_ids.empty();
}

std::string Implausible::description() const {
  return fmt::format("{} reports {} with {} on {}, where all our MX hosts saw {}",
                     reporter.empty() ? "A reporter without a name" : printable(reporter, 200),
                     counted(reported.all(), "session"), shown_policy_domain(policy_domain), to_string(day),
                     seen);
}

bool EvidenceCollection::add(const tlsrptdb::ReportedPolicy& reported) {
  if (!counted_.counts(reported)) return false;
  const std::string source =
      counted_.only_authenticated() ? reported.signer : std::to_string(reported.report);
  Source& source_entry = sources_[{to_lower(reported.policy.policy_domain), source}];
  source_entry.reporter = counted_.reporter(reported);
  source_entry.has_sts = source_entry.has_sts || reported.policy.policy_type == "sts";
  source_entry.days[to_day(reported.head.begin)].add(reported.policy);
  return true;
}

void EvidenceCollection::add_seen(Day day, std::uint64_t sessions) {
  add_saturated(seen_[day], sessions);
}

std::uint64_t EvidenceCollection::seen_on(Day day) const {
  const auto found = seen_.find(day);
  return found == seen_.end() ? 0 : found->second;
}

std::vector<Evidence> EvidenceCollection::evidence() const {
  std::vector<Evidence> all;
  for (const auto& [key, source] : sources_) {
    Evidence evidence{
        .policy_domain = key.first, .reporter = source.reporter, .sessions = {}, .has_sts = source.has_sts};
    for (const auto& [day, sessions] : source.days) {
      if (!counted_.only_authenticated() && is_implausible(sessions.all(), seen_on(day))) continue;
      evidence.sessions.add(sessions.successful, sessions.failed);
      evidence.days.insert(day);
    }
    if (!evidence.days.empty()) all.push_back(std::move(evidence));
  }
  return all;
}

std::vector<Implausible> EvidenceCollection::implausible() const {
  std::vector<Implausible> all;
  for (const auto& [key, source] : sources_) {
    for (const auto& [day, sessions] : source.days) {
      if (!is_implausible(sessions.all(), seen_on(day))) continue;
      all.push_back({.policy_domain = key.first,
                     .reporter = source.reporter,
                     .day = day,
                     .reported = sessions,
                     .seen = seen_on(day)});
    }
  }
  return all;
}

}  // namespace starttls::report
