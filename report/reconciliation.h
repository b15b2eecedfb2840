// Compares the sessions in received reports with those that our MX hosts saw, for `tlsrpt-report reconcile`.
// Pure: the input is figures, the output is comparisons.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/clock.h"
#include "config/tlsrpt_toml.h"
#include "report/evidence.h"
#include "report/received_figures.h"
#include "store/counts.h"
#include "store/senders.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {

using starttls::to_string;  // of days; the ones below would hide it

enum class ComparisonResult {
  matches,
  implausible,    // more than a hundred times what all our MX hosts saw on the day
  unseen,         // no session of the reporter was seen on any day
  more_reported,  // than seen
  more_seen,      // than reported
  stripped,       // STARTTLS was missing in sessions, but not on our side
  plaintext,      // it sent without TLS
  no_report,      // it reports on other days, and was seen on this day
};
// "matches", "unseen", "more-reported", ...
std::string_view to_string(ComparisonResult result);
// The possible causes, in one or two sentences.
std::string_view meaning(ComparisonResult result);

// One reporter, day and policy domain.
struct Comparison {
  Day day;
  std::string reporter;
  std::string policy_domain;
  tlsrpt::ReportedSessions reported;
  std::uint64_t seen_tls = 0;
  std::uint64_t seen_plaintext = 0;
  // Failed handshakes and other sessions without a recipient, of all policy domains.
  std::uint64_t seen_without_mail = 0;
  ComparisonResult result = ComparisonResult::matches;
};

// The sending domains of a reporter: those in the configuration, or the domain that signed the report. If
// there are none: the domains of its contact address, of the part of the report-id after "@" and of its name,
// if these are domains. Those of known providers that send for it are added.
std::set<std::string> sending_domains(const tlsrpt::ReportHead& head, const std::string& signer,
                                      const std::vector<config::ReporterDomains>& configured,
                                      const store::SendingDomainFinder& sending_domain);

class Reconciliation {
 public:
  Reconciliation(const std::vector<config::ReporterDomains>& configured,
                 store::SendingDomainFinder sending_domain, bool only_authenticated)
      : configured_(configured),
        sending_domain_(std::move(sending_domain)),
        report_filter_(only_authenticated) {}

  // A policy of one of our domains under another name, such as that of an MX host, is compared as that
  // domain's policy. A policy of several domains is compared with the sessions of all of them. To be called when all
  // sessions are added.
  void add(const Reported& reported);
  void add(const store::SessionClass& session_class, const store::ClassCount& count);

  // By day, reporter and policy domain. A day without a report is included up to `last_reported`: later
  // reports may still arrive.
  std::vector<Comparison> comparisons(Day last_reported) const;
  const ReportFilter& report_filter() const { return report_filter_; }
  const OtherDomains& others() const { return others_; }  // they are not compared

 private:
  struct DaySums {
    tlsrpt::ReportedSessions sessions;
    std::uint64_t without_starttls = 0;  // of the failed ones
    std::uint64_t stripped = 0;          // of these, at MX hosts that offered STARTTLS to anybody on the day
  };
  struct Seen {
    std::uint64_t tls = 0;
    std::uint64_t plaintext = 0;
  };
  struct Reporter {
    std::set<std::string> domains;                            // from which it sends
    std::set<std::string> policy_domains;                     // about which it reports
    std::map<std::pair<Day, std::string>, DaySums> reported;  // by policy domain
  };

  Comparison compare(const std::string& name, const Reporter& reporter, Day day,
                     const std::string& policy_domain) const;

  const std::vector<config::ReporterDomains>& configured_;
  store::SendingDomainFinder sending_domain_;
  ReportFilter report_filter_;
  OtherDomains others_;
  std::map<std::string, std::set<std::string>> domains_of_names_;  // of policies of several domains
  std::map<Day, std::uint64_t> seen_on_day_;                       // sessions of all senders
  std::map<std::string, Reporter> reporters_;
  std::map<std::tuple<std::string, Day, std::string>, Seen> seen_;  // sending domain, day, policy domain
  std::map<std::pair<std::string, Day>, std::uint64_t> without_mail_;
  std::set<std::string> seen_domains_;
  std::set<std::pair<Day, std::string>> offering_;  // MX hosts with a TLS handshake on the day
};

}  // namespace starttls::report
