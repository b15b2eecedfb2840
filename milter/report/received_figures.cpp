#include "milter/report/received_figures.h"

#include <algorithm>

#include "base/text.h"
#include "store/ledger.h"

namespace starttls::milter {

void ReceivedFigures::add(const reports::ReportedPolicy& reported) {
  const tlsrpt::PolicyResult& policy = reported.policy;
  const Day day = day_of(reported.head.begin);
  ReporterFigures& reporter = reporters_[reported.head.organization_name];
  // The policies of a report come one after the other.
  if (reported.report != last_report_) {
    ++reporter.reports;
    reporter.authenticated += reported.signer.empty() ? 0U : 1U;
  }
  last_report_ = reported.report;
  reporter.last = std::max(reporter.last, day);
  reporter.sessions.add(policy);
  days_[day].add(policy);
  if (policy.failed_sessions == 0 && policy.failure_details.empty()) return;
  FailureDigest digest;
  digest.add(policy);
  failures_.add(reported.head.organization_name, digest);
}

ReportedSessions ReceivedFigures::total() const {
  ReportedSessions total;
  for (const auto& [day, sessions] : days_) total.add(sessions.successful, sessions.failed);
  return total;
}

Result<void> read_received(const Configuration& configuration, const store::Period& period,
                           const std::optional<std::string>& domain,
                           const std::function<void(const reports::ReportedPolicy&)>& take) {
  auto store = reports::ReportStore::open(reports::report_file(configuration.state_dir), store::Access::read);
  if (!store) return std::unexpected(store.error());
  const std::set<std::string> ours = our_domains(configuration);
  return store->read(period, domain, [&](const reports::ReportedPolicy& reported) {
    if (domain || ours.empty() || ours.contains(to_lower(reported.policy.policy_domain))) take(reported);
  });
}

Result<void> read_sessions(const Configuration& configuration, const store::Period& period,
                           const store::TakeCount& take) {
  auto done = store::read_counts(place_of(configuration), period, take);
  if (done || done.error().fault != Fault::unavailable || !configuration.store.empty()) return done;
  std::error_code ignored;
  return std::filesystem::exists(reports::report_file(configuration.state_dir), ignored) ? Result<void>()
                                                                                         : done;
}

std::set<std::string> our_domains(const Configuration& configuration) {
  std::set<std::string> domains;
  for (const DomainName& domain : configuration.domains) domains.insert(domain.str());
  if (!domains.empty() && !configuration.policy_domain.empty()) domains.insert(configuration.policy_domain);
  return domains;
}

}  // namespace starttls::milter
