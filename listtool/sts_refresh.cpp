// starttls-listtool sts refresh: fetches again those cached MTA-STS policies that are due.

#include <map>

#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/sts_run.h"
#include "mtastsdb/cache.h"

namespace starttls::listtool {
namespace {

struct Values {
  bool all = false;  // also those that are not due
};

void declare(Options& options, Values& values) {
  options.flag("--all", values.all, "Also those that are not due");
}

// The cached policies to fetch, by domain, as mail servers use them so far.
using Policies = std::map<DomainName, std::string>;

Result<Policies> due_policies(mtastsdb::Cache& cache, bool all, Time now) {
  Policies policies;
  TRY(cache.each([&](const mtastsdb::CacheEntry& entry) {
    const auto* const valid = entry.policy_state.valid(now);
    if (valid != nullptr && (all || entry.policy_state.next_fetch <= now))
      policies.emplace(entry.domain, policy_summary(valid->policy));
  }));
  return policies;
}

Result<int> run(const Values& values, const Context& context) {
  const auto discovery = TRY(begin_discovery(context));
  mtastsdb::Cache& cache = *discovery->cache;
  const Policies before = TRY(due_policies(cache, values.all, context.now));
  std::vector<DomainName> domains;
  domains.reserve(before.size());
  for (const auto& [domain, policy] : before) domains.push_back(domain);
  // Prints only outcomes that changed; with -q, for cron, prints none of them.
  const auto is_changed = [&](const DomainName& domain, const StsOutcome& outcome) {
    if (context.quiet && !context.json) return false;
    return !outcome.policy || policy_summary(outcome.policy->policy) != before.at(domain);
  };
  const auto totals =
      TRY(examine_all(context, *discovery, std::move(domains),
                      values.all ? discovery::FetchMode::now : discovery::FetchMode::when_due, is_changed));
  TRY(cache.tidy(context.now));
  print_totals(context, totals);
  return cache_status(context, *discovery);
}

}  // namespace

Command sts_refresh_command() {
  return make_command({.name = "sts refresh",
                       .summary = "Fetch again the policies that are due for renewal",
                       .example = "starttls-listtool sts refresh\n"
                                  "  several times a day from cron, where 'serve' does not run"},
                      declare, run);
}

}  // namespace starttls::listtool
