// What our policy domains publish now: the "policy" of self reports, and what reporters saw laid beside it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "milter/report/report_configuration.h"
#include "tlsrpt/record.h"
#include "tlsrpt/report.h"

namespace starttls::milter {

// As RFC 8460 section 4.4 has it.
struct PublishedPolicy {
  std::string type = "no-policy-found";  // or "sts", "tlsa"
  std::vector<std::string> strings;
  std::vector<std::string> mx_hosts;
  std::string trouble;  // why it cannot be told now, a sentence; "" where it can
};

using PublishedPolicies = std::map<std::string, PublishedPolicy>;  // by policy domain

// Of each domain, all asked for at once: the TLSA records of its MX hosts where DNSSEC proves usable ones,
// else its MTA-STS policy, from the file that the configuration gives for the domain or from its policy host.
// Names that are no domains have none. Errors as of policy::Discovery.
Result<PublishedPolicies> published_policies(const Configuration& configuration,
                                             const ReportConfiguration& report, const Clock& clock,
                                             const std::set<std::string>& domains);

// Where reports about each of the domains go (RFC 8460 section 3): what the configuration says, else what its
// TXT record says; none where there is no usable record.
struct ReportDestinations {
  std::vector<tlsrpt::Destination> destinations;
  std::string trouble;    // why there are none
  bool may_pass = false;  // whether asking again may help
};
Result<std::map<std::string, ReportDestinations>> report_destinations(const Configuration& configuration,
                                                                      const ReportConfiguration& report,
                                                                      const Clock& clock,
                                                                      const std::set<std::string>& domains);

}  // namespace starttls::milter
