// Looks up what our policy domains publish now: for the "policy" of self reports, and for comparison with
// what reporters saw.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/context.h"
#include "report/publication_changes.h"
#include "tlsrpt/record.h"

namespace starttls::discovery {
struct DiscoveryStack;
}

namespace starttls::report {

// In the form of RFC 8460 section 4.4.
struct PublishedPolicy {
  std::string type = "no-policy-found";  // or "sts", "tlsa"
  std::vector<std::string> strings;
  std::vector<std::string> mx_hosts;
  std::string error;  // why the lookup failed, a sentence; else ""
};

using PublishedPolicies = std::map<std::string, PublishedPolicy>;  // by policy domain

// The rua of a domain (RFC 8460 section 3).
struct ReportDestinations {
  std::vector<tlsrpt::Destination> destinations;
  std::string error;          // why there are none
  bool is_temporary = false;  // whether another lookup may help
};

// Looks up many domains at once. Names that are not domain names are left out. Errors as of
// discovery::DiscoveryStack.
class Lookup {
 public:
  // The context must outlive this object.
  explicit Lookup(const Context& context);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  // The TLSA records of the MX hosts if DNSSEC proves usable ones; otherwise the MTA-STS policy, from the
  // file in the configuration for the domain or from its policy host.
  Result<PublishedPolicies> policies(const std::set<std::string>& domains);

  // The MX hosts; the domain itself if it has no MX record (RFC 5321 section 5.1). A domain whose lookup
  // failed is left out.
  Result<std::map<std::string, std::vector<std::string>>> mx_hosts(const std::set<std::string>& domains);

  // Which of the kinds in publication_changes.h each domain publishes now. The cache is not used.
  Result<std::vector<PublicationLookup>> publications(const std::set<std::string>& domains);

  // The destinations in the TLSRPT records.
  Result<std::map<std::string, ReportDestinations>> destinations(const std::set<std::string>& domains);

 private:
  Result<discovery::DiscoveryStack*> discovery();

  const Context& context_;
  std::unique_ptr<discovery::DiscoveryStack> discovery_;  // created by the first lookup
};

}  // namespace starttls::report
