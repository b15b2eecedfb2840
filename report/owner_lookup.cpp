#include "report/owner_lookup.h"

#include <algorithm>

#include "base/log.h"
#include "base/text.h"
#include "report/published.h"
#include "store/open_store.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days looked_back{28};  // at reports that were read before
constexpr std::chrono::days sessions_looked_back{7};

std::string ownership_warning(const std::string& policy_domain) {
  if (policy_domain.empty())
    return "it gives no policy domain and cannot be assigned to one of ours (report.domains)";
  return fmt::format("'{}' is none of our policy domains (report.domains)", printable(policy_domain, 100));
}

}  // namespace

OwnerLookup::OwnerLookup(const Context& context, bool may_look_up)
    : context_(context), may_look_up_(may_look_up), ours_(load_our_domains(context)), seen_(ours_) {}

void OwnerLookup::check(Input& input) {
  if (ours_.domains.empty() || !is_report(input)) return;
  std::vector<PolicyOwner> owners = owners_of(input);
  if (!is_complete_ && !std::ranges::all_of(owners, &PolicyOwner::is_ours)) {
    look_up();
    owners = owners_of(input);
  }
  std::size_t at = 0;
  for (const auto& [domain, sums] : input.domains) {
    if (owners[at++].is_ours()) continue;
    input.warnings.push_back(ownership_warning(domain));
    others_.add(domain, sums.sessions, input.head.organization_name);
  }
  const bool has_ours = std::ranges::any_of(owners, &PolicyOwner::is_ours) || !input.our_domains.empty();
  if (!has_ours && input.further.all() > 0)
    others_.add("(further domains)", input.further, input.head.organization_name);
}

std::vector<PolicyOwner> OwnerLookup::owners_of(const Input& input) const {
  std::vector<tlsrpt::PolicyResult> policies;
  policies.reserve(input.domains.size());
  for (const auto& [domain, sums] : input.domains)
    policies.push_back({.policy_domain = domain, .mx_hosts = sums.hosts});
  std::vector<const tlsrpt::PolicyResult*> pointers;
  pointers.reserve(policies.size());
  for (const tlsrpt::PolicyResult& policy : policies) pointers.push_back(&policy);
  const tlsrptdb::ReportedPolicy reported{
      .report = 0, .signer = input.signer, .report_domain = {}, .head = input.head, .policy = {}};
  return find_owners(pointers,
                     {.report_domain = input.report_domain,
                      .our_domains = input.our_domains,
                      .seen_hosts = seen_.find(reported)},
                     ours_);
}

// If a source cannot be read, the report counts as one about another domain.
void OwnerLookup::look_up() {
  is_complete_ = true;
  const config::TlsrptConfig& configuration = context_.configuration;
  const Day today = to_day(context_.clock());
  const auto read = store::read_counts(
      store_location(configuration), {today - sessions_looked_back, today},
      [&](const auto& session_class, const auto& count) { ours_.add(session_class, count); });
  if (!read) log_debug("owner of a report: {}", read.error().message);
  auto store =
      tlsrptdb::ReportStore::open(tlsrptdb::report_file(configuration.state_dir), store::Access::read);
  if (store) {
    const auto done = store->read_policies(
        {today - looked_back, today}, [&](const tlsrptdb::ReportedPolicy& reported) { seen_.add(reported); });
    if (!done) log_debug("owner of a report: {}", done.error().message);
  }
  if (!may_look_up_) return;
  const auto found = Lookup(context_).mx_hosts(ours_.domains);
  if (!found) return log_debug("owner of a report: {}", found.error().message);
  for (const auto& [domain, hosts] : *found) {
    for (const std::string& host : hosts) {
      ours_.mx_hosts.add(host, domain);
      found_.push_back({.policy_domain = domain, .host = host, .seen = context_.clock()});
    }
  }
}

}  // namespace starttls::report
