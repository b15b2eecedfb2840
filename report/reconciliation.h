// What reporters say of their sessions beside what our MX hosts saw of them: what `tlsrpt-report reconcile`
// tells.
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

enum class Finding {
  matches,
  implausible,    // more than a hundred times what all our MX hosts saw on the day
  unseen,         // no session of it was seen on any day
  more_reported,  // than seen
  more_seen,      // than reported
  stripped,       // it missed STARTTLS in sessions that did not come here so
  plaintext,      // it came without TLS
  no_report,      // it reports on other days, and was seen on this one
};
// "matches", "unseen", "more-reported", ...
std::string_view word_of(Finding finding);
// What it may mean, in a sentence or two.
std::string_view meaning_of(Finding finding);

// One reporter, day and policy domain.
struct Comparison {
  Day day;
  std::string reporter;
  std::string policy_domain;
  ReportedSessions reported;
  std::uint64_t seen_tls = 0;
  std::uint64_t seen_plaintext = 0;
  std::uint64_t seen_without_mail =
      0;  // failed handshakes and others that came to no recipient, of all domains
  Finding finding = Finding::matches;
};

// The sending domains of a reporter: those that the configuration gives it, else the one that vouches for the
// report, else that of its contact address, of the part of the report-id behind "@" and of its name, where
// these are domains; and those that are known to send for it.
std::set<std::string> sending_domains_of(const tlsrpt::ReportHead& head, const std::string& signer,
                                         const std::vector<config::ReporterDomains>& configured,
                                         const store::SendingDomainFinder& sending_domain);

class Reconciliation {
 public:
  Reconciliation(const std::vector<config::ReporterDomains>& configured,
                 store::SendingDomainFinder sending_domain, bool only_authenticated)
      : configured_(configured),
        sending_domain_(std::move(sending_domain)),
        report_filter_(only_authenticated) {}

  // A policy that is about one of our domains under another name, such as that of an MX host, is compared as
  // that domain's. One that is about several is compared with what was seen of all of them.
  void add(const Reported& reported);
  void add(const store::SessionClass& of, const store::ClassCount& count);

  // By day, reporter and policy domain. A day without a report counts up to `last_reported`: later ones may
  // be on their way.
  std::vector<Comparison> comparisons(Day last_reported) const;
  const ReportFilter& report_filter() const { return report_filter_; }
  const OtherDomains& others() const { return others_; }  // are compared with nothing

 private:
  struct DaySums {
    ReportedSessions sessions;
    std::uint64_t without_starttls = 0;  // of the failed ones
  };
  struct Seen {
    std::uint64_t tls = 0;
    std::uint64_t plaintext = 0;
  };
  struct Reporter {
    std::set<std::string> domains;                            // it sends from
    std::set<std::string> policy_domains;                     // it reports about
    std::map<std::pair<Day, std::string>, DaySums> reported;  // by policy domain
  };

  Comparison compare(const std::string& name, const Reporter& reporter, Day day,
                     const std::string& policy_domain) const;

  const std::vector<config::ReporterDomains>& configured_;
  store::SendingDomainFinder sending_domain_;
  ReportFilter report_filter_;
  OtherDomains others_;
  std::map<std::string, std::set<std::string>> domains_of_names_;  // of what is about several domains
  std::map<Day, std::uint64_t> seen_on_day_;                       // sessions of everybody
  std::map<std::string, Reporter> reporters_;
  std::map<std::tuple<std::string, Day, std::string>, Seen> seen_;  // sending domain, day, policy domain
  std::map<std::pair<std::string, Day>, std::uint64_t> without_mail_;
  std::set<std::string> seen_domains_;
};

}  // namespace starttls::report
