// The RFC 8460 report about our own inbound sessions, from daily counts. Pure.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "report/published.h"
#include "report/reporter.h"
#include "store/counts.h"
#include "tlsrpt/report.h"

namespace starttls::report {

// Sets the policies in the report to those that the policy domains publish.
void set_policies(tlsrpt::Report& report, const PublishedPolicies& published);

// One element of "policies" for each recipient domain that had sessions on the day, or only for the given
// one.
//
// A session counts for a policy domain if a recipient in it was accepted: encrypted sessions count as
// successful, those in plaintext as failed. Failed handshakes, which are in the MTA's log, have no recipient.
// They count for the reporter's default policy domain; if it has none, for the only domain that had mail on
// that day; otherwise for our MX host. Other sessions without an accepted recipient belong to no policy
// domain and are not in a report.
//
// The report-id is the same each time the report of a whole day is created. If the day (UTC) has not ended at
// `now`, the report-id contains the time at which the report ends.
tlsrpt::Report self_report(const store::DailyCounts& counts, Day day, Time now, const Reporter& reporter,
                           const std::optional<std::string>& only_domain);

// The same report about one of its policies, for the owner of that policy domain.
tlsrpt::Report report_for(const tlsrpt::Report& all, const tlsrpt::PolicyResult& policy);

}  // namespace starttls::report
