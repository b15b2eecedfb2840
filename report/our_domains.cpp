#include "report/our_domains.h"

#include "base/file.h"
#include "mtasts/policy.h"
#include "mtastsdb/cache.h"
#include "tlsrptdb/own_domains.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

void add_policy(OurDomains& facts, const std::string& domain, const mtasts::Policy& policy) {
  for (const mtasts::MxPattern& pattern : policy.mx) facts.mx_hosts.add(pattern.str(), domain);
}

void add_files(OurDomains& facts, const config::TlsrptConfig& configuration) {
  for (const auto& [domain, file] : configuration.policy_files) {
    if (!facts.has(domain)) continue;
    const auto text = read_file(file, mtasts::policy_size_limit);
    if (!text) continue;
    if (const auto reading = mtasts::read_policy(*text); reading.policy)
      add_policy(facts, domain, *reading.policy);
  }
}

void add_cached(OurDomains& facts, const Surroundings& surroundings) {
  auto cache = mtastsdb::Cache::open_to_read(policy_cache_of(surroundings));
  if (!cache || !*cache) return;
  for (const std::string& domain : facts.domains) {
    const auto name = DomainName::parse(domain);
    if (!name) continue;
    const auto known = (*cache)->find(*name);
    if (known && *known && (*known)->policy) add_policy(facts, domain, (*known)->policy->policy);
  }
}

void add_seen(OurDomains& facts, const config::TlsrptConfig& configuration) {
  auto own = tlsrptdb::OwnDomains::open(tlsrptdb::report_file(configuration.state_dir), store::Access::read);
  if (!own) return;
  const auto hosts = own->mx_hosts();
  if (!hosts) return;
  for (const tlsrptdb::SeenMxHost& host : *hosts) facts.mx_hosts.add(host.host, host.policy_domain);
}

}  // namespace

std::set<std::string> our_domains(const config::TlsrptConfig& configuration) {
  std::set<std::string> domains;
  for (const DomainName& domain : configuration.domains) domains.insert(domain.str());
  if (!domains.empty() && !configuration.policy_domain.empty()) domains.insert(configuration.policy_domain);
  return domains;
}

OurDomains our_facts(const Surroundings& surroundings, const std::optional<std::string>& asked_for) {
  OurDomains facts{.domains = our_domains(surroundings.configuration), .mx_hosts = {}, .recording_hosts = {}};
  if (asked_for) facts.domains.insert(*asked_for);
  if (facts.domains.empty()) return facts;
  add_files(facts, surroundings.configuration);
  add_cached(facts, surroundings);
  add_seen(facts, surroundings.configuration);
  return facts;
}

}  // namespace starttls::report
