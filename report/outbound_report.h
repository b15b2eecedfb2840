// RFC 8460 reports to other domains, from the results of our outbound mail. Pure.
//
// A report is about one recipient domain and one TLSRPT record of it: where the record changed during the day, each
// destination gets what was counted under the record that names it. What was counted without knowing the record belongs
// to the only record that the domain had.
//
// "policy-domain" is what the sending mail server applied the policy to: the recipient domain for MTA-STS, and for DANE
// the TLSA base domain, an MX host (RFC 8460 section 1.1, "Policy Domain": "For DANE, the Policy Domain is the TLSA base
// domain of the receiving SMTP server"). The report itself, its file name and its mail are named after the recipient
// domain, whose record asks for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "outbound/counts.h"
#include "report/published.h"
#include "report/reporter.h"
#include "tlsrpt/report.h"

namespace starttls::report {

struct OutboundReport {
  std::string domain;     // the recipient domain
  std::string record;     // its TLSRPT record; "": it is not known, as from the log of a mail server
  std::string unique_id;  // of the record, where the domain had several; else "". Always in the report-id
  std::uint64_t successful = 0;  // sessions
  std::uint64_t failed = 0;
  std::uint64_t sessions_of_domain = 0;  // in all reports about it
  tlsrpt::Report report;
  std::vector<std::size_t>
      unknown_policies;  // which ones of the report's are not known, and "no-policy-found"
};

// Sets the policies that are not known. Results under the same policy as others are added to these.
void set_policy(OutboundReport& report, const PublishedPolicy& published);

// A policy of a report: the policy of a domain, and the results under it. A policy that is not known is given as "no
// policy found".
tlsrpt::PolicyResult policy_result(const outbound::Policy& policy, const outbound::PolicyCount& count);

// Makes the reports about a day, domain by domain.
class OutboundReportMaker {
 public:
  using Take = std::function<Result<void>(OutboundReport&& report)>;

  OutboundReportMaker(Day day, Reporter reporter, Take take);

  // Gets the results as outbound::read_counts() passes them: in the order of their domains.
  Result<void> add(const outbound::PolicyOfDay& of, const outbound::PolicyCount& count);
  // To be called after the last one.
  Result<void> finish();

 private:
  using Policies = std::map<outbound::Policy, outbound::PolicyCount>;

  OutboundReport make(const std::string& record, const Policies& policies) const;

  Day day_;
  Reporter reporter_;
  Take take_;
  std::string domain_;                         // the present one
  std::map<std::string, Policies> by_record_;  // of that domain
};

}  // namespace starttls::report
