#include "tlsrpt/same_sessions.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <string>
#include <string_view>

#include "base/text.h"
#include "tlsrpt/reported_sessions.h"

namespace starttls::tlsrpt {
namespace {

struct OfType {
  std::vector<std::size_t> policies;  // their positions in the report
  ReportedSessions sessions;
};

struct OfDomain {
  OfType tlsa;
  OfType sts;

  bool have_same_sessions() const {
    return !tlsa.policies.empty() && !sts.policies.empty() && tlsa.sessions.all() > 0 &&
           tlsa.sessions.all() == sts.sessions.all();
  }
};

using Domains = std::map<std::string_view, OfDomain>;

Domains domains_in(std::span<const PolicyResult* const> policies) {
  Domains domains;
  for (std::size_t at = 0; at < policies.size(); ++at) {
    const std::string type = to_lower(policies[at]->policy_type);
    if (type != "tlsa" && type != "sts") continue;
    OfDomain& domain = domains[policies[at]->policy_domain];
    OfType& type_sums = type == "tlsa" ? domain.tlsa : domain.sts;
    type_sums.policies.push_back(at);
    type_sums.sessions.add(*policies[at]);
  }
  return domains;
}

// Removes those failures that the counted policies have, too.
void remove_failures(PolicyResult& policy, std::map<std::string, std::uint64_t>& counted) {
  for (FailureDetail& detail : policy.failure_details) {
    std::uint64_t& left = counted[to_lower(detail.result_type)];
    const std::uint64_t same = std::min(left, detail.failed_session_count);
    left -= same;
    detail.failed_session_count -= same;
  }
  std::erase_if(policy.failure_details,
                [](const FailureDetail& detail) { return detail.failed_session_count == 0; });
}

}  // namespace

bool have_same_sessions(std::span<const PolicyResult* const> policies) {
  return policies.size() > 1 && std::ranges::any_of(domains_in(policies), [](const auto& domain) {
           return domain.second.have_same_sessions();
         });
}

std::vector<std::uint64_t> count_once(std::span<PolicyResult* const> policies) {
  std::vector<std::uint64_t> elsewhere(policies.size(), 0);
  if (policies.size() < 2) return elsewhere;
  const std::vector<const PolicyResult*> unchanged(policies.begin(), policies.end());
  for (const auto& [name, domain] : domains_in(unchanged)) {
    if (!domain.have_same_sessions()) continue;
    const bool sts_counts = domain.sts.sessions.failed > domain.tlsa.sessions.failed;
    const OfType& counts = sts_counts ? domain.sts : domain.tlsa;
    const OfType& other = sts_counts ? domain.tlsa : domain.sts;
    std::map<std::string, std::uint64_t> failures;  // by result type
    for (const std::size_t at : counts.policies) {
      for (const FailureDetail& detail : policies[at]->failure_details)
        add_saturated(failures[to_lower(detail.result_type)], detail.failed_session_count);
    }
    for (const std::size_t at : other.policies) {
      PolicyResult& policy = *policies[at];
      elsewhere[at] = saturated_sum(policy.successful_sessions, policy.failed_sessions);
      policy.successful_sessions = policy.failed_sessions = 0;
      remove_failures(policy, failures);
    }
  }
  return elsewhere;
}

}  // namespace starttls::tlsrpt
