// Shared by the sts commands.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/domain.h"
#include "base/result.h"
#include "discovery/discovery_stack.h"
#include "listtool/context.h"
#include "listtool/sts_outcome.h"

namespace starttls::listtool {

// Opens the cache, for look-ups of MTA-STS only. If the cache cannot be written, prints that once; the exit
// status is that of cache_status().
Result<std::unique_ptr<discovery::DiscoveryStack>> begin_discovery(const Context& context);

// Fetches the policies, and prints the outcome of each domain in their order if `is_shown` returns true.
Result<StsTotals> examine_all(const Context& context, discovery::DiscoveryStack& discovery,
                              std::vector<DomainName> domains, discovery::FetchMode fetch_mode,
                              const std::function<bool(const DomainName&, const StsOutcome&)>& is_shown);

// Prints the totals on standard error, with -v or on a terminal.
void print_totals(const Context& context, const StsTotals& totals);

// Returns 0 if all results are stored in the cache. If some are not, this is reported once: by
// begin_discovery(), in the log, or, with -q, here.
int cache_status(const Context& context, const discovery::DiscoveryStack& discovery);

}  // namespace starttls::listtool
