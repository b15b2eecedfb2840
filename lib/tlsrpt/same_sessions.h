// Detects that two policies of one report contain the same sessions.
//
// A report may have several policies that applied to the same domain, such as MTA-STS and DANE (RFC 8460
// section 4). Microsoft lists each session under both. Other reporters split sessions between policies, for
// example if a policy changed during the day, or if only some MX hosts have TLSA records. The report does not
// show which is the case. Sessions are treated as the same if, within one report,
//
//   - policies of type tlsa and policies of type sts have the same policy domain, and
//   - both types have the same number of sessions (successful and failed together).
//
// Then the type with more failed sessions counts, and tlsa if they are equal. From the other type only those
// failures count whose result type the first one does not have, or has less often. Everything else is added
// up: policies of one type, no-policy-found together with others, other numbers, other policy domains.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "tlsrpt/report.h"

namespace starttls::tlsrpt {

// Whether count_once() would change the policies of a report.
bool have_same_sessions(std::span<const PolicyResult* const> policies);

// Changes the policies of a report so that they can be added up. Returns for each policy the number of its
// sessions that now count under another policy.
std::vector<std::uint64_t> count_once(std::span<PolicyResult* const> policies);

}  // namespace starttls::tlsrpt
