// Decides whether a policy in a received report is ours or of another domain. Pure.
//
// With `[report] domains` set, a policy is ours if one of these is true, checked in this order:
//
//   its policy domain is one of them;
//   its policy domain is an MX host of one of them (Postfix reports DANE under the MX host's name);
//   another policy in the same report is ours;
//   TLS-Report-Domain of the mail that contained the report is one of them (RFC 8460 section 5.3);
//   it has no policy domain (as libtlsrpt writes no-policy-found), and contains an MX host of ours;
//   its policy domain is below one of them.
//
// Every other policy is of another domain. It is shown separately, and never left out silently. Without
// `domains` every policy is ours.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "mtasts/mx_pattern.h"
#include "store/counts.h"
#include "tlsrpt/report.h"

namespace starttls::report {

inline constexpr std::size_t max_mx_patterns = 100;  // of each policy domain; further ones are ignored

// The MX hosts of policy domains, by name and by the patterns in MTA-STS policies.
class MxHosts {
 public:
  // Names are normalised. A text that is neither a name nor a pattern is ignored.
  void add(std::string_view pattern, const std::string& policy_domain);

  // The policy domains of the host; empty: the host is not a known MX host.
  std::set<std::string> domains_of(const std::string& host) const;
  bool empty() const { return names_.empty() && wildcards_.empty(); }

 private:
  std::map<std::string, std::set<std::string>> names_;
  std::map<std::string, std::set<std::string>> wildcards_;  // "example.org" of "*.example.org"
  std::map<std::string, std::size_t> patterns_;             // of each policy domain
};

// The MX patterns that a reporter saw: `mx-host` and the "mx:" lines of its policy-string.
std::vector<std::string> mx_patterns(const tlsrpt::PolicyResult& policy);

struct OurDomains {
  std::set<std::string> domains;  // as DomainName; empty: not configured, and every policy is ours
  MxHosts mx_hosts;
  std::set<std::string> recording_hosts;  // where tlsrpt-milter has recorded sessions

  // Adds the host of recorded sessions as MX host of those of our domains that had a recipient.
  void add(const store::SessionClass& session_class, const store::ClassCount& count);
  bool has(const std::string& domain) const { return domains.contains(domain); }
};

// Facts about the rest of the report.
struct ReportContext {
  std::string report_domain;          // TLS-Report-Domain, as DomainName; "" if there is none
  std::set<std::string> our_domains;  // those of our domains that its policies are about
  // The MX hosts of our domains that the same reporter saw in other reports; may be null.
  const MxHosts* seen_hosts = nullptr;
};

enum class OwnerRule { domain, mx_host, same_report, report_domain, named_host, subdomain, other };

struct PolicyOwner {
  OwnerRule by = OwnerRule::domain;
  // Our domains that the policy is about; the policy domain itself if it is below one of them.
  std::set<std::string> domains;

  bool is_ours() const { return by != OwnerRule::other; }
};

PolicyOwner find_owner(const tlsrpt::PolicyResult& policy, const ReportContext& report,
                       const OurDomains& ours);

// Decides for the policies of one report, in the order of the report.
std::vector<PolicyOwner> find_owners(const std::vector<const tlsrpt::PolicyResult*>& policies,
                                     ReportContext report, const OurDomains& ours);

// "mx.example.org (an MX host of example.org)": the policy domain and, if it is not one of our domains
// itself, why it is ours. Printable.
std::string policy_domain_label(std::string_view policy_domain, const PolicyOwner& owner);

}  // namespace starttls::report
