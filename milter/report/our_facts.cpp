#include "milter/report/our_facts.h"

#include "base/file.h"
#include "mtasts/cache.h"
#include "mtasts/policy.h"
#include "reports/own_domains.h"
#include "reports/report_store.h"

namespace starttls::milter {
namespace {

void add_policy(OurFacts& facts, const std::string& domain, const mtasts::Policy& policy) {
  for (const mtasts::MxPattern& pattern : policy.mx) facts.mx_hosts.add(pattern.str(), domain);
}

void add_files(OurFacts& facts, const Configuration& configuration) {
  for (const auto& [domain, file] : configuration.policy_files) {
    if (!facts.has(domain)) continue;
    const auto text = read_file(file, mtasts::policy_size_limit);
    if (!text) continue;
    if (const auto reading = mtasts::read_policy(*text); reading.policy)
      add_policy(facts, domain, *reading.policy);
  }
}

void add_cached(OurFacts& facts, const Surroundings& surroundings) {
  auto cache = mtasts::Cache::open_to_read(policy_cache_of(surroundings));
  if (!cache || !*cache) return;
  for (const std::string& domain : facts.domains) {
    const auto name = DomainName::parse(domain);
    if (!name) continue;
    const auto known = (*cache)->find(*name);
    if (known && *known && (*known)->policy) add_policy(facts, domain, (*known)->policy->policy);
  }
}

void add_seen(OurFacts& facts, const Configuration& configuration) {
  auto own = reports::OwnDomains::open(reports::report_file(configuration.state_dir), store::Access::read);
  if (!own) return;
  const auto hosts = own->mx_hosts();
  if (!hosts) return;
  for (const reports::SeenMxHost& host : *hosts) facts.mx_hosts.add(host.host, host.policy_domain);
}

}  // namespace

std::set<std::string> our_domains(const Configuration& configuration) {
  std::set<std::string> domains;
  for (const DomainName& domain : configuration.domains) domains.insert(domain.str());
  if (!domains.empty() && !configuration.policy_domain.empty()) domains.insert(configuration.policy_domain);
  return domains;
}

OurFacts our_facts(const Surroundings& surroundings, const std::optional<std::string>& asked_for) {
  OurFacts facts{.domains = our_domains(surroundings.configuration), .mx_hosts = {}, .recording_hosts = {}};
  if (asked_for) facts.domains.insert(*asked_for);
  if (facts.domains.empty()) return facts;
  add_files(facts, surroundings.configuration);
  add_cached(facts, surroundings);
  add_seen(facts, surroundings.configuration);
  return facts;
}

}  // namespace starttls::milter
