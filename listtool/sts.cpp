// starttls-listtool sts: the MTA-STS policies of domains by hand and in bulk, and what is known of them.

#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <map>
#include <set>

#include "base/console.h"
#include "base/domain.h"
#include "discovery/discovery_stack.h"
#include "json/json_text.h"
#include "listtool/arguments.h"
#include "listtool/bulk.h"
#include "listtool/options.h"
#include "listtool/sts_outcome.h"
#include "mtastsdb/cache.h"

namespace starttls::listtool {
namespace {

struct Domains {
  std::vector<DomainName> domains;  // each once, in their order
  int status = 0;                   // what is due for those that are no names
};

Result<Domains> read_domains(const std::vector<std::string>& arguments) {
  Domains read;
  std::set<DomainName> seen;
  const auto status = each_argument(arguments, [&](std::string_view text) -> Result<void> {
    auto domain = DomainName::parse(text);
    if (!domain) return std::unexpected(domain.error());
    if (seen.insert(*domain).second) read.domains.push_back(std::move(*domain));
    return {};
  });
  if (!status) return std::unexpected(status.error());
  read.status = *status;
  return read;
}

Result<std::unique_ptr<discovery::DiscoveryStack>> begin(const Common& common) {
  auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  auto discovery =
      discovery::DiscoveryStack::begin(common.configuration.discovery, mta_sts_cache(common.configuration),
                                       std::move(*clock), {.dane = false});
  // It makes the exit status: see status_of_cache().
  if (discovery && (*discovery)->warning) print_error(program, (*discovery)->warning->message);
  return discovery;
}

// The answer of a command that goes through many domains, written while it does.
class Report {
 public:
  explicit Report(bool json) : as_json_(json) {
    if (!as_json_) return;
    json_.begin_object();
    json_.key("domains");
    json_.begin_array();
  }

  // Only counted where it is not `shown`.
  Result<void> add(const DomainName& domain, const StsOutcome& outcome, bool shown) {
    tally_.count(outcome);
    if (!shown) return {};
    if (!as_json_) return print(as_text(domain, outcome));
    write(json_, domain, outcome);
    return print(json_.take_part());
  }

  Result<void> finish() {
    if (!as_json_) return {};
    json_.end_array();
    json_.key("summary");
    write(json_, tally_);
    json_.end_object();
    return print(json_.take());
  }

  const StsTally& tally() const { return tally_; }

 private:
  bool as_json_;
  json::JsonText json_;
  StsTally tally_;
};

// Fetches them, and has each outcome reported in its turn. `shown` says which are of interest.
Result<StsTally> examine_all(const Common& common, discovery::DiscoveryStack& discovery,
                             std::vector<DomainName> domains, discovery::FetchMode fetch_mode,
                             const std::function<bool(const DomainName&, const StsOutcome&)>& shown) {
  Report report(common.json);
  Result<void> written;
  Bulk bulk(*discovery.policy_resolver, std::move(domains), fetch_mode,
            common.configuration.discovery.policy_hosts.max_concurrent,
            !common.quiet && ::isatty(STDERR_FILENO) == 1);
  discovery.loop.run_until_complete(
      bulk.run([&](const DomainName& domain, const discovery::DomainFacts& facts) {
        const StsOutcome outcome = outcome_of(facts.mta_sts, facts.examined);
        written = report.add(domain, outcome, shown(domain, outcome));
        return written.has_value();
      }));
  if (written) written = report.finish();
  if (!written) return std::unexpected(written.error());
  return report.tally();
}

// On standard error, since the answer is what was found out.
void tell_summary(const Common& common, const StsTally& tally) {
  const bool watched = ::isatty(STDERR_FILENO) == 1;
  if (common.quiet || (!common.verbose && !watched)) return;
  print_info(program, as_text(tally));
}

// 0 where all that was learnt is kept. What was not is printed once: by begin(), by the log, or, where that
// is silent, here.
int status_of_cache(const Common& common, const discovery::DiscoveryStack& discovery) {
  if (discovery.warning) return discovery.warning->exit_status();
  const auto& trouble = discovery.policy_resolver->cache_error();
  if (!trouble) return 0;
  if (common.quiet) print_error(program, trouble->message);
  return trouble->exit_status();
}

}  // namespace

Result<int> sts_fetch(const Common& common, const StsFetchOptions& options) {
  auto read = read_domains(options.domains);
  if (!read) return std::unexpected(read.error());
  if (read->domains.empty() && read->status != 0) return read->status;
  auto discovery = begin(common);
  if (!discovery) return std::unexpected(discovery.error());
  const bool several = read->domains.size() > 1;
  const auto tally = examine_all(common, **discovery, std::move(read->domains), discovery::FetchMode::now,
                                 [](const DomainName&, const StsOutcome&) { return true; });
  if (!tally) return std::unexpected(tally.error());
  if (several) tell_summary(common, *tally);
  const int kept = status_of_cache(common, **discovery);
  if (kept != 0) return kept;
  return read->status != 0 ? read->status : tally->exit_status();
}

Result<int> sts_refresh(const Common& common, const StsRefreshOptions& options) {
  auto discovery = begin(common);
  if (!discovery) return std::unexpected(discovery.error());
  mtastsdb::Cache& cache = *(*discovery)->cache;
  std::map<DomainName, std::string> before;  // what mail servers are told until now
  const auto seen = cache.each([&](const mtastsdb::CacheEntry& entry) {
    const auto* const valid = entry.policy_state.valid(common.now);
    if (valid != nullptr && (options.all || entry.policy_state.next_fetch <= common.now)) {
      before.emplace(entry.domain, summary_of(valid->policy));
    }
  });
  if (!seen) return std::unexpected(seen.error());
  std::vector<DomainName> domains;
  domains.reserve(before.size());
  for (const auto& [domain, policy] : before) domains.push_back(domain);
  // A run that changes nothing says nothing; with -q, for cron, nor does one that does.
  const auto changed = [&](const DomainName& domain, const StsOutcome& outcome) {
    if (common.quiet && !common.json) return false;
    return !outcome.policy || summary_of(outcome.policy->policy) != before.at(domain);
  };
  const auto tally =
      examine_all(common, **discovery, std::move(domains),
                  options.all ? discovery::FetchMode::now : discovery::FetchMode::when_due, changed);
  if (!tally) return std::unexpected(tally.error());
  if (const auto tidied = cache.tidy(common.now); !tidied) return std::unexpected(tidied.error());
  tell_summary(common, *tally);
  return status_of_cache(common, **discovery);
}

namespace {

Result<int> purge(const Common& common, const StsCacheOptions& options,
                  const std::vector<DomainName>& domains) {
  auto cache = mtastsdb::Cache::open(mta_sts_cache(common.configuration));
  if (!cache) return std::unexpected(cache.error());
  if (options.all) {
    const auto removed = cache->remove_all();
    if (!removed) return std::unexpected(removed.error());
    return 0;
  }
  int status = 0;
  for (const DomainName& domain : domains) {
    const auto was_there = cache->remove(domain);
    if (!was_there) return std::unexpected(was_there.error());
    if (*was_there) continue;
    warn(common, domain.str() + ": nothing is known of it");
    status = 1;
  }
  return status;
}

// Nothing is known of a domain that is not there.
Result<std::vector<mtastsdb::CacheEntry>> list_entries(const Common& common, bool all,
                                                       const std::vector<DomainName>& domains) {
  std::vector<mtastsdb::CacheEntry> entries;
  auto cache = mtastsdb::Cache::open_to_read(mta_sts_cache(common.configuration));
  if (!cache) return std::unexpected(cache.error());
  if (!*cache) return entries;
  if (all) {
    const auto seen = (*cache)->each([&](const mtastsdb::CacheEntry& entry) { entries.push_back(entry); });
    if (!seen) return std::unexpected(seen.error());
  }
  for (const DomainName& domain : domains) {
    auto found = (*cache)->find(domain);
    if (!found) return std::unexpected(found.error());
    if (*found) entries.push_back({.domain = domain, .policy_state = std::move(**found)});
  }
  return entries;
}

}  // namespace

Result<int> sts_cache(const Common& common, const StsCacheOptions& options) {
  if (options.all && !options.purge) return fail(Fault::usage, "--all goes with --purge");
  if (options.purge && options.all == !options.domains.empty()) {
    return fail(Fault::usage, "--purge takes the domains to be forgotten, or --all");
  }
  const auto read = read_domains(options.domains);
  if (!read) return std::unexpected(read.error());
  if (read->domains.empty() && read->status != 0) return read->status;
  if (options.purge) {
    const auto purged = purge(common, options, read->domains);
    return purged && read->status != 0 ? read->status : purged;
  }
  const auto entries = list_entries(common, options.domains.empty(), read->domains);
  if (!entries) return std::unexpected(entries.error());
  json::JsonText json;
  std::string text;
  if (common.json) json.begin_array();
  for (const mtastsdb::CacheEntry& entry : *entries) {
    common.json ? write(json, entry, common.now) : static_cast<void>(text += as_text(entry, common.now));
  }
  if (common.json) json.end_array();
  const auto printed = print(common.json ? json.take() : text);
  if (!printed) return std::unexpected(printed.error());
  if (read->status != 0) return read->status;
  return entries->size() < read->domains.size() ? 1 : 0;
}

}  // namespace starttls::listtool
