#include "report/our_domains.h"

#include "base/file.h"
#include "mtasts/policy.h"
#include "mtastsdb/cache.h"
#include "tlsrptdb/own_domains.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

void add_policy(OurDomains& ours, const std::string& domain, const mtasts::Policy& policy) {
  for (const mtasts::MxPattern& pattern : policy.mx) ours.mx_hosts.add(pattern.str(), domain);
}

void add_files(OurDomains& ours, const config::TlsrptConfig& configuration) {
  for (const auto& [domain, file] : configuration.policies) {
    if (!ours.has(domain)) continue;
    const auto text = read_file(file, mtasts::policy_size_limit);
    if (!text) continue;
    if (const auto reading = mtasts::read_policy(*text); reading.policy)
      add_policy(ours, domain, *reading.policy);
  }
}

void add_cached(OurDomains& ours, const Context& context) {
  auto cache = mtastsdb::Cache::open_to_read(policy_cache(context));
  if (!cache || !*cache) return;
  for (const std::string& domain : ours.domains) {
    const auto name = DomainName::parse(domain);
    if (!name) continue;
    const auto known = (*cache)->find(*name);
    if (known && *known && (*known)->policy) add_policy(ours, domain, (*known)->policy->policy);
  }
}

void add_seen(OurDomains& ours, const config::TlsrptConfig& configuration) {
  auto own = tlsrptdb::OwnDomains::open(tlsrptdb::report_file(configuration.state_dir), store::Access::read);
  if (!own) return;
  const auto hosts = own->mx_hosts();
  if (!hosts) return;
  for (const tlsrptdb::SeenMxHost& host : *hosts) ours.mx_hosts.add(host.host, host.policy_domain);
}

}  // namespace

std::set<std::string> configured_domains(const config::TlsrptConfig& configuration) {
  std::set<std::string> domains;
  for (const DomainName& domain : configuration.report.domains) domains.insert(domain.str());
  if (!domains.empty() && !configuration.report.policy_domain.empty())
    domains.insert(configuration.report.policy_domain);
  return domains;
}

OurDomains load_our_domains(const Context& context, const std::optional<std::string>& asked_for) {
  OurDomains ours{
      .domains = configured_domains(context.configuration), .mx_hosts = {}, .recording_hosts = {}};
  if (asked_for) ours.domains.insert(*asked_for);
  if (ours.domains.empty()) return ours;
  add_files(ours, context.configuration);
  add_cached(ours, context);
  add_seen(ours, context.configuration);
  return ours;
}

}  // namespace starttls::report
