#include "report/policy_owner.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "report/tables.h"
#include "tlsrpt/policy_domain.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_shown_domains = 3;

std::set<std::string> domains_of(const std::string& host, const ReportContext& report,
                                 const OurDomains& ours) {
  std::set<std::string> domains = ours.mx_hosts.domains_of(host);
  if (report.seen_hosts != nullptr) domains.merge(report.seen_hosts->domains_of(host));
  std::erase_if(domains, [&](const std::string& domain) { return !ours.has(domain); });
  // One of our hosts, but its domains are unknown.
  if (domains.empty() && ours.recording_hosts.contains(host)) return ours.domains;
  return domains;
}

// Our domains of the hosts that a policy contains, if it has no policy domain.
std::set<std::string> domains_of_named_hosts(const tlsrpt::PolicyResult& policy, const ReportContext& report,
                                             const OurDomains& ours) {
  std::set<std::string> domains;
  const auto add = [&](std::string_view host) {
    if (!host.empty()) domains.merge(domains_of(tlsrpt::normalise_policy_domain(host), report, ours));
  };
  for (const std::string& host : policy.mx_hosts) add(host);
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) add(detail.receiving_mx_hostname);
  return domains;
}

bool is_below_one(const std::string& name, const std::set<std::string>& domains) {
  for (auto dot = name.find('.'); dot != std::string::npos; dot = name.find('.', dot + 1)) {
    if (domains.contains(name.substr(dot + 1))) return true;
  }
  return false;
}

}  // namespace

void MxHosts::add(std::string_view pattern, const std::string& policy_domain) {
  const auto parsed = mtasts::MxPattern::parse(trim(pattern));
  if (!parsed) return;
  auto& known = parsed->is_wildcard() ? wildcards_ : names_;
  const auto found = known.find(parsed->name().str());
  if (found != known.end() && found->second.contains(policy_domain)) return;
  if (++patterns_[policy_domain] > max_mx_patterns) return;
  known[parsed->name().str()].insert(policy_domain);
}

std::set<std::string> MxHosts::domains_of(const std::string& host) const {
  std::set<std::string> domains;
  if (const auto found = names_.find(host); found != names_.end()) domains = found->second;
  const auto dot = host.find('.');
  if (dot == std::string::npos) return domains;
  const auto found = wildcards_.find(host.substr(dot + 1));
  if (found != wildcards_.end()) domains.insert(found->second.begin(), found->second.end());
  return domains;
}

std::vector<std::string> mx_patterns(const tlsrpt::PolicyResult& policy) {
  std::vector<std::string> patterns = policy.mx_hosts;
  for (const std::string& line : policy.policy_strings) {
    const auto colon = line.find(':');
    if (colon != std::string::npos && to_lower(trim(line.substr(0, colon))) == "mx")
      patterns.emplace_back(trim(std::string_view(line).substr(colon + 1)));
  }
  return patterns;
}

void OurDomains::add(const store::SessionClass& session_class, const store::ClassCount& count) {
  if (domains.empty() || session_class.receiving_mx.empty()) return;
  recording_hosts.insert(session_class.receiving_mx);
  for (const auto& [domain, tally] : count.recipient_domains) {
    if (has(domain)) mx_hosts.add(session_class.receiving_mx, domain);
  }
}

PolicyOwner find_owner(const tlsrpt::PolicyResult& policy, const ReportContext& report,
                       const OurDomains& ours) {
  const std::string& domain = policy.policy_domain;
  if (ours.domains.empty() || ours.has(domain)) return {.by = OwnerRule::domain, .domains = {domain}};
  if (auto domains = domains_of(domain, report, ours); !domains.empty())
    return {.by = OwnerRule::mx_host, .domains = std::move(domains)};
  if (!report.our_domains.empty()) return {.by = OwnerRule::same_report, .domains = report.our_domains};
  if (ours.has(report.report_domain))
    return {.by = OwnerRule::report_domain, .domains = {report.report_domain}};
  if (domain.empty()) {
    if (auto domains = domains_of_named_hosts(policy, report, ours); !domains.empty())
      return {.by = OwnerRule::named_host, .domains = std::move(domains)};
  }
  if (is_below_one(domain, ours.domains)) return {.by = OwnerRule::subdomain, .domains = {domain}};
  return {.by = OwnerRule::other, .domains = {}};
}

std::vector<PolicyOwner> find_owners(const std::vector<const tlsrpt::PolicyResult*>& policies,
                                     ReportContext report, const OurDomains& ours) {
  std::vector<PolicyOwner> found;
  found.reserve(policies.size());
  for (const tlsrpt::PolicyResult* policy : policies) {
    found.push_back(find_owner(*policy, report, ours));
    if (found.back().is_ours() && !ours.domains.empty() && found.back().by != OwnerRule::subdomain)
      report.our_domains.insert(found.back().domains.begin(), found.back().domains.end());
  }
  if (report.our_domains.empty()) return found;
  // Policies before the first one of ours.
  for (std::size_t at = 0; at < policies.size(); ++at) {
    const bool is_strong = found[at].by == OwnerRule::domain || found[at].by == OwnerRule::mx_host;
    if (!is_strong) found[at] = find_owner(*policies[at], report, ours);
  }
  return found;
}

std::string policy_domain_label(std::string_view policy_domain, const PolicyOwner& owner) {
  std::string name = shown_policy_domain(policy_domain);
  const std::string domains = list_some(owner.domains, max_shown_domains);
  switch (owner.by) {
    case OwnerRule::mx_host:
      return fmt::format("{} (an MX host of {})", name, domains);
    case OwnerRule::same_report:
    case OwnerRule::report_domain:
    case OwnerRule::named_host:
      return fmt::format("{} (in a report about {})", name, domains);
    case OwnerRule::domain:
    case OwnerRule::subdomain:
    case OwnerRule::other:
      break;
  }
  return name;
}

}  // namespace starttls::report
