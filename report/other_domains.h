// Received reports about domains that are not ours, which are shown separately.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>

#include "json/json_text.h"
#include "tlsrpt/reported_sessions.h"

namespace starttls::report {

inline constexpr std::size_t max_other_domains = 1'000;  // further ones are counted as one

struct OtherDomain {
  tlsrpt::ReportedSessions sessions;
  std::set<std::string> reporters;  // organization-names, at most max_failure_names
};

class OtherDomains {
 public:
  void add(const std::string& policy_domain, const tlsrpt::ReportedSessions& sessions,
           const std::string& reporter);

  bool empty() const { return domains_.empty(); }
  // By policy domain; "" if none is given.
  const std::map<std::string, OtherDomain>& domains() const { return domains_; }
  tlsrpt::ReportedSessions total() const;

  // "of other domains (not in report.domains): a.example (50 sessions, 50 failed, by Sender Inc.) and 3
  // more"; "" if there are none. The domains with the most failures are first. Printable.
  std::string description() const;
  // Writes a member "other_domains".
  void to_json(json::JsonText& json) const;

 private:
  std::map<std::string, OtherDomain> domains_;
};

}  // namespace starttls::report
