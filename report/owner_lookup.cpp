#include "report/owner_lookup.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "report/published.h"
#include "store/open_store.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days looked_back{28};  // in the reports that were read before
constexpr std::chrono::days sessions_looked_back{7};

std::string oddity_of(const std::string& policy_domain) {
  if (policy_domain.empty())
    return "it gives no policy domain, and nothing tells that it is about one of ours (report.domains)";
  return fmt::format("'{}' is none of our policy domains (report.domains)", printable(policy_domain, 100));
}

}  // namespace

OwnerLookup::OwnerLookup(const Surroundings& surroundings, bool may_look_up)
    : surroundings_(surroundings),
      may_look_up_(may_look_up),
      facts_(our_facts(surroundings)),
      seen_(facts_) {}

void OwnerLookup::look_at(Input& input) {
  if (facts_.domains.empty() || input.status == InputStatus::rejected) return;
  std::vector<PolicyOwner> belongs = judged(input);
  if (!is_complete_ && !std::ranges::all_of(belongs, &PolicyOwner::is_ours)) {
    find_out();
    belongs = judged(input);
  }
  std::size_t at = 0;
  for (const auto& [domain, sums] : input.domains) {
    if (belongs[at++].is_ours()) continue;
    input.warnings.push_back(oddity_of(domain));
    others_.add(domain, sums.sessions, input.head.organization_name);
  }
  const bool has_ours = std::ranges::any_of(belongs, &PolicyOwner::is_ours) || !input.our_domains.empty();
  if (!has_ours && input.further.all() > 0)
    others_.add("(further domains)", input.further, input.head.organization_name);
}

std::vector<PolicyOwner> OwnerLookup::judged(const Input& input) const {
  std::vector<tlsrpt::PolicyResult> policies;
  policies.reserve(input.domains.size());
  for (const auto& [domain, sums] : input.domains)
    policies.push_back({.policy_domain = domain, .mx_hosts = sums.hosts});
  std::vector<const tlsrpt::PolicyResult*> pointers;
  pointers.reserve(policies.size());
  for (const tlsrpt::PolicyResult& policy : policies) pointers.push_back(&policy);
  const tlsrptdb::ReportedPolicy reported{
      .report = 0, .signer = input.signer, .report_domain = {}, .head = input.head, .policy = {}};
  return whose(pointers,
               {.report_domain = input.report_domain,
                .our_domains = input.our_domains,
                .seen_hosts = seen_.of(reported)},
               facts_);
}

// What cannot be read or asked is not known: the report counts as one of another domain then.
void OwnerLookup::find_out() {
  is_complete_ = true;
  const config::TlsrptConfig& configuration = surroundings_.configuration;
  const Day today = to_day(surroundings_.clock());
  const auto read = store::read_counts(store_location(configuration), {today - sessions_looked_back, today},
                                       [&](const auto& of, const auto& count) { facts_.add(of, count); });
  if (!read) log_debug("whose reports are: {}", read.error().message);
  auto store =
      tlsrptdb::ReportStore::open(tlsrptdb::report_file(configuration.state_dir), store::Access::read);
  if (store) {
    const auto done = store->read_policies(
        {today - looked_back, today}, [&](const tlsrptdb::ReportedPolicy& reported) { seen_.add(reported); });
    if (!done) log_debug("whose reports are: {}", done.error().message);
  }
  if (!may_look_up_) return;
  const auto found = Lookup(surroundings_).mx_hosts(facts_.domains);
  if (!found) return log_debug("whose reports are: {}", found.error().message);
  for (const auto& [domain, hosts] : *found) {
    for (const std::string& host : hosts) {
      facts_.mx_hosts.add(host, domain);
      found_.push_back({.policy_domain = domain, .host = host, .seen = surroundings_.clock()});
    }
  }
}

}  // namespace starttls::report
