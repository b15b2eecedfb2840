// The figures of received reports: by reporter, by day and by failure.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "report/failure_digest.h"
#include "report/other_domains.h"
#include "report/our_domains.h"
#include "report/report_assembler.h"
#include "store/store.h"
#include "tlsrpt/reported_sessions.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

struct ReporterFigures {
  std::uint64_t reports = 0;
  std::uint64_t authenticated = 0;  // number of authenticated reports
  tlsrpt::ReportedSessions sessions;
  std::uint64_t counted_once = 0;  // sessions under two policies of a report
  Day last;                        // of a report
};

class ReceivedFigures {
 public:
  void add(const Reported& reported);

  // Reports about domains that are not ours. They are in no other figure.
  const OtherDomains& others() const { return others_; }
  // By organization-name, as it was given.
  const std::map<std::string, ReporterFigures>& reporters() const { return reporters_; }
  const std::map<Day, tlsrpt::ReportedSessions>& days() const { return days_; }
  const FailureDigest& failures() const { return failures_; }
  tlsrpt::ReportedSessions total() const;

 private:
  std::map<std::string, ReporterFigures> reporters_;
  std::map<Day, tlsrpt::ReportedSessions> days_;
  FailureDigest failures_;
  OtherDomains others_;
  std::int64_t last_report_ = 0;
};

// Reads the policies of the received reports that began on the days: all of them, or with `domain` those
// about this policy domain of ours (which `facts` must contain). If our domains are configured, also those
// about domains that are not ours.
Result<void> read_received(const config::TlsrptConfig& configuration, const OurDomains& ours,
                           const store::Period& period, const std::optional<std::string>& domain,
                           const ReportedSink& take);

// Reads our own sessions like store::read_counts(). Returns none if no milter ever recorded here, but
// received reports are stored.
Result<void> read_sessions(const config::TlsrptConfig& configuration, const store::Period& period,
                           const store::CountSink& take);

}  // namespace starttls::report
