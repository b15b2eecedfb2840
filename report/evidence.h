// Which received reports count in a decision, and how much. Anybody can send a report with any content.
// Therefore:
//
// - If report.trusted_authserv_ids is set, only authenticated reports count (authentication.h), under the
//   domain that signed them. The number of reports that do not count is printed.
// - Nothing is added up over reporters. Each source of evidence is checked separately, so that no number of
//   successes of one hides the failures of another. A source is an authenticated reporter. Without
//   authentication a source is a single report, since anybody can report under another's name.
// - Reports are compared with what our own MX hosts saw. A source is implausible if it reports more than a
//   hundred times the sessions that they saw in all on a day. That is printed, and if the report is not
//   authenticated it does not count.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "config/tlsrpt_toml.h"
#include "report/received_figures.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

inline constexpr std::uint64_t implausible_factor = 100;  // times what all our MX hosts saw on the day

// Always false if none of our own sessions were recorded: there is nothing to compare with.
bool is_implausible(std::uint64_t reported, std::uint64_t seen);

// If only authenticated reports count, ignores the others.
class ReportFilter {
 public:
  explicit ReportFilter(bool only_authenticated) : only_authenticated_(only_authenticated) {}

  bool only_authenticated() const { return only_authenticated_; }
  bool counts(const tlsrptdb::ReportedPolicy& reported);
  // The authenticated domain; the organization-name if all reports count.
  const std::string& reporter(const tlsrptdb::ReportedPolicy& reported) const;

  std::size_t ignored_reports() const { return reports_.size(); }
  std::size_t ignored_reporters() const { return reporters_.size(); }
  // "3 reports of 2 reporters are not authenticated and do not count"; "" if all count.
  std::string description() const;

 private:
  bool only_authenticated_;
  std::set<std::int64_t> reports_;  // ignored ones
  std::set<std::string> reporters_;
};

// Whether only authenticated reports count.
bool requires_authentication(const config::TlsrptConfig& configuration);

// What one source reports about one policy domain.
struct Evidence {
  std::string policy_domain;
  std::string reporter;
  tlsrpt::ReportedSessions sessions;
  std::set<Day> days;
  bool has_sts = false;  // whether it saw an MTA-STS policy
};

// An implausible number that one source reports about one policy domain and day.
struct Implausible {
  std::string policy_domain;
  std::string reporter;
  Day day;
  tlsrpt::ReportedSessions reported;
  std::uint64_t seen = 0;  // sessions, by all our MX hosts

  // "Sender Inc. reports 1000000000000 sessions with example.org on 2026-11-25, where all our MX hosts saw
  // 120"
  std::string description() const;
};

class EvidenceCollection {
 public:
  explicit EvidenceCollection(bool only_authenticated) : counted_(only_authenticated) {}

  // Returns false if the report does not count.
  bool add(const tlsrptdb::ReportedPolicy& reported);
  // The same for a report about another domain, which is not evidence.
  bool counts(const tlsrptdb::ReportedPolicy& reported) { return counted_.counts(reported); }
  // All sessions of our MX hosts, with and without mail.
  void add_seen(Day day, std::uint64_t sessions);

  // Leaves out what is both implausible and not authenticated.
  std::vector<Evidence> evidence() const;
  std::vector<Implausible> implausible() const;
  const ReportFilter& report_filter() const { return counted_; }

 private:
  struct Source {
    std::string reporter;
    std::map<Day, tlsrpt::ReportedSessions> days;
    bool has_sts = false;
  };

  std::uint64_t seen_on(Day day) const;

  ReportFilter counted_;
  std::map<std::pair<std::string, std::string>, Source> sources_;  // by policy domain and source
  std::map<Day, std::uint64_t> seen_;
};

}  // namespace starttls::report
