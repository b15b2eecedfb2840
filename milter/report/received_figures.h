// What the received reports come to: by reporter, by day and by what failed.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "base/saturated.h"
#include "milter/configuration.h"
#include "milter/report/failure_digest.h"
#include "reports/report_store.h"
#include "store/store.h"

namespace starttls::milter {

struct ReportedSessions {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;

  std::uint64_t all() const { return saturated_sum(successful, failed); }
  void add(std::uint64_t more_successful, std::uint64_t more_failed) {
    add_saturated(successful, more_successful);
    add_saturated(failed, more_failed);
  }
  void add(const tlsrpt::PolicyResult& policy) { add(policy.successful_sessions, policy.failed_sessions); }
};

struct ReporterFigures {
  std::uint64_t reports = 0;
  std::uint64_t authenticated = 0;  // of these
  ReportedSessions sessions;
  Day last;  // that a report is about
};

class ReceivedFigures {
 public:
  void add(const reports::ReportedPolicy& reported);

  // By organization-name, as it was given.
  const std::map<std::string, ReporterFigures>& reporters() const { return reporters_; }
  const std::map<Day, ReportedSessions>& days() const { return days_; }
  const FailureDigest& failures() const { return failures_; }
  ReportedSessions total() const;

 private:
  std::map<std::string, ReporterFigures> reporters_;
  std::map<Day, ReportedSessions> days_;
  FailureDigest failures_;
  std::int64_t last_report_ = 0;
};

// Gives the policies of the received reports that began on the days: those about our policy domains, where
// the configuration names any, or about the one that is asked for.
Result<void> read_received(const Configuration& configuration, const store::Period& period,
                           const std::optional<std::string>& domain,
                           const std::function<void(const reports::ReportedPolicy&)>& take);

// Our own sessions as store::read_counts() gives them; none where no milter ever recorded here, but reports
// of others were read: they are all that there is.
Result<void> read_sessions(const Configuration& configuration, const store::Period& period,
                           const store::TakeCount& take);

// The policy domains that the configuration names as ours, as they are compared; none: it does not tell.
std::set<std::string> our_domains(const Configuration& configuration);

}  // namespace starttls::milter
