// starttls-listtool sts cache: shows or removes the cached MTA-STS policies.

#include "base/console.h"
#include "base/try.h"
#include "json/json_text.h"
#include "listtool/arguments.h"
#include "listtool/commands.h"
#include "listtool/sts_outcome.h"
#include "mtastsdb/cache.h"

namespace starttls::listtool {
namespace {

struct Values {
  std::vector<std::string> domains;  // empty: all
  bool purge = false;                // remove them from the cache
  bool all = false;                  // with purge: all of them
};

void declare(Options& options, Values& values) {
  options.arguments("DOMAIN", values.domains, "Domains (default: all); '-': one a line on standard input");
  options.flag("--purge", values.purge, "Remove the policies of these domains");
  options.flag("--all", values.all, "With --purge: remove all policies");
}

Result<int> purge(const Context& context, const Values& values, const std::vector<DomainName>& domains) {
  auto cache = TRY(mtastsdb::Cache::open(mta_sts_cache(context.configuration)));
  if (values.all) {
    TRY(cache.remove_all());
    return 0;
  }
  int status = 0;
  for (const DomainName& domain : domains) {
    const auto was_there = TRY(cache.remove(domain));
    if (was_there) continue;
    warn(context, domain.str() + ": not cached");
    status = 1;
  }
  return status;
}

// The entries of those domains that are in the cache.
Result<std::vector<mtastsdb::CacheEntry>> list_entries(const Context& context, bool all,
                                                       const std::vector<DomainName>& domains) {
  std::vector<mtastsdb::CacheEntry> entries;
  auto cache = TRY(mtastsdb::Cache::open_to_read(mta_sts_cache(context.configuration)));
  if (!cache) return entries;
  if (all) TRY(cache->each([&](const mtastsdb::CacheEntry& entry) { entries.push_back(entry); }));
  for (const DomainName& domain : domains) {
    auto found = TRY(cache->find(domain));
    if (found) entries.push_back({.domain = domain, .policy_state = std::move(*found)});
  }
  return entries;
}

Result<int> run(const Values& values, const Context& context) {
  if (values.all && !values.purge) return fail(Fault::usage, "--all goes with --purge");
  if (values.purge && values.all == !values.domains.empty()) {
    return fail(Fault::usage, "--purge takes the domains to remove, or --all");
  }
  const auto read = TRY(read_domains(values.domains));
  if (read.domains.empty() && read.status != 0) return read.status;
  if (values.purge) {
    const auto purged = purge(context, values, read.domains);
    return purged && read.status != 0 ? read.status : purged;
  }
  const auto entries = TRY(list_entries(context, values.domains.empty(), read.domains));
  json::JsonText json;
  std::string text;
  if (context.json) json.begin_array();
  for (const mtastsdb::CacheEntry& entry : entries) {
    context.json ? to_json(json, entry, context.now)
                 : static_cast<void>(text += to_string(entry, context.now));
  }
  if (context.json) json.end_array();
  TRY(print(context.json ? json.take() : text));
  if (read.status != 0) return read.status;
  return entries.size() < read.domains.size() ? 1 : 0;
}

}  // namespace

Command sts_cache_command() {
  return make_command({.name = "sts cache",
                       .summary = "Show or remove cached policies",
                       .example = "starttls-listtool sts cache\n"
                                  "  starttls-listtool sts cache --purge example.com"},
                      declare, run);
}

}  // namespace starttls::listtool
