#include "milter/report/received_figures.h"

#include <algorithm>

#include "base/text.h"
#include "store/ledger.h"

namespace starttls::milter {
namespace {

// So long before the last day, at least, the reports of a reporter tell which MX hosts it saw of ours.
constexpr std::chrono::days seen_hosts_days{28};

}  // namespace

void ReceivedFigures::add(const Reported& reported) {
  const tlsrpt::PolicyResult& policy = reported.policy;
  if (!reported.whose.is_ours()) {
    ReportedSessions sessions;
    sessions.add(policy);
    return others_.add(policy.policy_domain, sessions, reported.head.organization_name);
  }
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
  add_saturated(reporter.counted_once, reported.counted_elsewhere);
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

Result<void> read_received(const Configuration& configuration, const OurFacts& facts,
                           const store::Period& period, const std::optional<std::string>& domain,
                           const TakeReported& take) {
  auto store = reports::ReportStore::open(reports::report_file(configuration.state_dir), store::Access::read);
  if (!store) return std::unexpected(store.error());
  SeenMxHosts seen(facts);
  if (!facts.domains.empty()) {
    const store::Period looked_at{.since = std::min(period.since, period.until - seen_hosts_days),
                                  .until = period.until};
    auto done =
        store->read_policies(looked_at, [&](const reports::ReportedPolicy& reported) { seen.add(reported); });
    if (!done) return done;
  }
  const bool tells_ours = !configuration.domains.empty();
  const TakeReported take_wanted = [&](const Reported& reported) {
    const bool is_wanted =
        !domain || (reported.whose.is_ours() ? reported.whose.domains.contains(*domain) : tells_ours);
    if (is_wanted) take(reported);
  };
  WholeReports reports(facts, &seen, take_wanted);
  auto done = store->read(period, std::nullopt,
                          [&](reports::ReportedPolicy&& reported) { reports.add(std::move(reported)); });
  if (done) reports.finish();
  return done;
}

Result<void> read_sessions(const Configuration& configuration, const store::Period& period,
                           const store::TakeCount& take) {
  auto done = store::read_counts(place_of(configuration), period, take);
  if (done || done.error().fault != Fault::unavailable || !configuration.store.empty()) return done;
  std::error_code ignored;
  return std::filesystem::exists(reports::report_file(configuration.state_dir), ignored) ? Result<void>()
                                                                                         : done;
}

}  // namespace starttls::milter
