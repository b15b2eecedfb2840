// Decides what needs attention, for `tlsrpt-report alert`. Pure: the input is figures, the output is alerts.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "report/evidence.h"
#include "report/received_figures.h"
#include "report/summary_figures.h"
#include "store/counts.h"
#include "store/senders.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

struct AlertSettings {
  double failure_share = 1.0;          // percent of the sessions that may fail
  std::uint64_t min_sessions = 20;     // shares of fewer sessions are ignored
  std::uint64_t silent_days = 3;       // without a report, for a reporter of at least every second day
  std::uint64_t expired_sessions = 1;  // sessions with an expired certificate that cause an alert
};

struct Alert {
  // "failure-share", "handshake-share", "new-failure", "certificate-expired", "implausible-report",
  // "not-authenticated", "other-domains", "reporter-silent", "downgrade", "store-silent", "host-silent",
  // "publication-gone", "outbound-failures"
  std::string kind;
  std::string message;  // a sentence or two, printable
};

// The number of days that are examined. The days before them are used for comparison.
inline constexpr std::chrono::days alert_days{2};  // reports come a day late
inline constexpr std::chrono::days alert_baseline{28};

class AlertCollection {
 public:
  // `day` is the last of the days that are examined.
  AlertCollection(AlertSettings settings, Day day, bool only_authenticated)
      : settings_(settings), day_(day), recent_(only_authenticated), earlier_(only_authenticated) {}

  store::Period period() const {
    return {.since = day_ - alert_days + std::chrono::days{1} - alert_baseline, .until = day_};
  }
  void add(const Reported& reported);
  void add(const store::SessionClass& session_class, const store::ClassCount& count);
  void add(const store::Downgrade& downgrade);
  // Alerts of other checks.
  void add(const std::vector<Alert>& alerts) { found_.insert(found_.end(), alerts.begin(), alerts.end()); }

  std::vector<Alert> alerts() const;
  // The reports about domains that are not ours, on the examined days.
  const OtherDomains& others() const { return others_; }
  // The reports about the examined days that do not count.
  const ReportFilter& report_filter() const { return recent_.report_filter(); }

 private:
  bool is_recent(Day day) const { return day > day_ - alert_days; }
  bool counts(const Reported& reported, bool is_recent, bool is_other);
  void add_other(const Reported& reported, bool is_recent);
  std::string label(const std::string& policy_domain) const;
  void check_shares(std::vector<Alert>& alerts) const;
  void check_evidence(std::vector<Alert>& alerts) const;
  bool was_reported_before(const FailureDigest::Key& key, const FailureGroup& group) const;
  void check_failures(std::vector<Alert>& alerts) const;
  void check_others(std::vector<Alert>& alerts) const;
  void check_reporters(std::vector<Alert>& alerts) const;
  void check_downgrades(std::vector<Alert>& alerts) const;

  AlertSettings settings_;
  Day day_;
  EvidenceCollection recent_;
  ReportFilter earlier_;
  FailureDigest recent_failures_;
  std::map<FailureDigest::Key, std::set<std::string>> earlier_failures_;  // with their reporters
  // By policy domain, for those that are ours and not configured; at most 1,000.
  std::map<std::string, PolicyOwner> owners_;
  OtherDomains others_;
  std::set<std::string> earlier_others_;  // policy domains
  std::map<std::string, std::set<Day>> reporters_;
  Figures own_;  // sessions of the last day
  std::vector<store::Downgrade> downgrades_;
  std::vector<Alert> found_;
};

}  // namespace starttls::report
