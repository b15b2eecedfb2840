// The RFC 8460 report about our own inbound sessions, from daily counts. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "report/published.h"
#include "store/counts.h"
#include "tlsrpt/report.h"

namespace starttls::report {

struct Reporter {
  std::string organization;  // organization-name
  std::string contact;       // contact-info
  std::string host;          // this host's full name: in report-ids, since each host creates its own reports
  std::string domain;        // the submitter, in mails and file names: the domain of the contact
  std::string sender;        // the mail address that reports come from
  // The policy domain of sessions without a recipient; empty: see below.
  std::string default_policy_domain;
  std::string min_tls;  // "TLSv1.2": sessions with a lower version count as failed; empty: none do
};

// Sets the policies in the report to what the policy domains publish.
void set_policies(tlsrpt::Report& report, const PublishedPolicies& published);

// One element of "policies" for each recipient domain that had sessions on the day, or for the given one
// only.
//
// A session counts for a policy domain when a recipient there was accepted: encrypted ones as successful,
// those in plaintext as failed. Handshakes that failed, by the MTA's log, have no recipient:
// they count for the reporter's default policy domain, else for the only domain that had mail on that day,
// else for our MX host. Other sessions without an accepted recipient belong to no policy domain and are not
// in a report.
//
// The report-id is the same each time the report of a whole day is created; while the day (UTC) is not over
// at `now`, it says until when the report goes.
tlsrpt::Report self_report(const store::DailyCounts& counts, Day day, Time now, const Reporter& reporter,
                           const std::optional<std::string>& only_domain);

// The same report about one of its policies, for the owner of that policy domain.
tlsrpt::Report report_for(const tlsrpt::Report& all, const tlsrpt::PolicyResult& policy);

}  // namespace starttls::report
