// The same sessions under two policies of one report.
//
// A report may have several policies that applied to the same domain, such as MTA-STS and DANE (RFC 8460
// section 4). Microsoft lists each session under both. Other reporters split sessions between policies, such
// as when a policy changed within the day, or when only some MX hosts have TLSA records. The report does not
// say which it is. Sessions are taken for the same where, within one report,
//
//   - policies of type tlsa and policies of type sts have the same policy domain, and
//   - the sessions of the one type, successful and failed together, are as many as those of the other.
//
// Then the type with more failed sessions counts, and tlsa where they are equal. Of the other type only those
// failures count whose result type the first one does not have, or has less often. Everything else adds up:
// policies of one type, no-policy-found beside others, other numbers, other policy domains.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tlsrpt/report.h"

namespace starttls::report {

// Whether count_once() would change the policies of a report.
bool have_same_sessions(std::span<const tlsrpt::PolicyResult* const> policies);

// Changes the policies of a report so that they can be added up. Returns for each policy its sessions that
// now count under another policy.
std::vector<std::uint64_t> count_once(std::span<tlsrpt::PolicyResult* const> policies);

}  // namespace starttls::report
