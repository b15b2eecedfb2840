#include "report/received_figures.h"

#include <algorithm>

#include "base/text.h"
#include "base/try.h"
#include "store/open_store.h"

namespace starttls::report {
namespace {

// Reports of at least these days before the last day are searched for the MX hosts of ours that a reporter
// saw.
constexpr std::chrono::days seen_hosts_days{28};

}  // namespace

void ReceivedFigures::add(const Reported& reported) {
  const tlsrpt::PolicyResult& policy = reported.policy;
  if (!reported.owner.is_ours()) {
    tlsrpt::ReportedSessions sessions;
    sessions.add(policy);
    return others_.add(policy.policy_domain, sessions, reported.head.organization_name);
  }
  const Day day = to_day(reported.head.begin);
  ReporterFigures& reporter = reporters_[reported.head.organization_name];
  // The policies of a report are consecutive.
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

tlsrpt::ReportedSessions ReceivedFigures::total() const {
  tlsrpt::ReportedSessions total;
  for (const auto& [day, sessions] : days_) total.add(sessions.successful, sessions.failed);
  return total;
}

Result<void> read_received(const config::TlsrptConfig& configuration, const OurDomains& ours,
                           const store::Period& period, const std::optional<std::string>& domain,
                           const ReportedSink& take) {
  auto store =
      tlsrptdb::ReportStore::open(tlsrptdb::report_file(configuration.state_dir), store::Access::read);
  if (!store) return std::unexpected(store.error());
  SeenMxHosts seen(ours);
  if (!ours.domains.empty()) {
    const store::Period looked_at{.since = std::min(period.since, period.until - seen_hosts_days),
                                  .until = period.until};
    TRY(store->read_policies(looked_at,
                             [&](const tlsrptdb::ReportedPolicy& reported) { seen.add(reported); }));
  }
  const bool tells_ours = !configuration.report.domains.empty();
  const ReportedSink take_wanted = [&](const Reported& reported) {
    const bool is_wanted =
        !domain || (reported.owner.is_ours() ? reported.owner.domains.contains(*domain) : tells_ours);
    if (is_wanted) take(reported);
  };
  ReportAssembler reports(ours, &seen, take_wanted);
  auto done = store->read(period, std::nullopt,
                          [&](tlsrptdb::ReportedPolicy&& reported) { reports.add(std::move(reported)); });
  if (done) reports.finish();
  return done;
}

Result<void> read_sessions(const config::TlsrptConfig& configuration, const store::Period& period,
                           const store::CountSink& take) {
  auto done = store::read_counts(store_location(configuration), period, take);
  if (done || done.error().fault != Fault::unavailable || !configuration.store.empty()) return done;
  std::error_code ignored;
  return std::filesystem::exists(tlsrptdb::report_file(configuration.state_dir), ignored) ? Result<void>()
                                                                                          : done;
}

}  // namespace starttls::report
