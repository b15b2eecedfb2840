// What our policy domains publish now: the "policy" of self reports, and what reporters saw laid beside it.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "report/publication_changes.h"
#include "report/surroundings.h"
#include "tlsrpt/record.h"

namespace starttls::discovery {
struct DiscoveryStack;
}

namespace starttls::report {

// As RFC 8460 section 4.4 has it.
struct PublishedPolicy {
  std::string type = "no-policy-found";  // or "sts", "tlsa"
  std::vector<std::string> strings;
  std::vector<std::string> mx_hosts;
  std::string trouble;  // why it cannot be told now, a sentence; "" where it can
};

using PublishedPolicies = std::map<std::string, PublishedPolicy>;  // by policy domain

// Where the owner of a domain wants reports (RFC 8460 section 3).
struct ReportDestinations {
  std::vector<tlsrpt::Destination> destinations;
  std::string trouble;    // why there are none
  bool may_pass = false;  // whether asking again may help
};

// Asks about many domains at once. Names that are no domains have nothing. Errors as of
// discovery::DiscoveryStack.
class Lookup {
 public:
  // The surroundings must outlive it.
  explicit Lookup(const Surroundings& surroundings);
  ~Lookup();
  Lookup(const Lookup&) = delete;
  Lookup& operator=(const Lookup&) = delete;

  // The TLSA records of the MX hosts where DNSSEC proves usable ones, else the MTA-STS policy, from the file
  // that the configuration gives for the domain or from its policy host.
  Result<PublishedPolicies> policies(const std::set<std::string>& domains);

  // The MX hosts; the domain itself where it has no MX record (RFC 5321 section 5.1). A domain of which the
  // DNS cannot tell is not in the answer.
  Result<std::map<std::string, std::vector<std::string>>> mx_hosts(const std::set<std::string>& domains);

  // Which of the kinds of publication_watch.h each domain publishes now. What is cached does not count.
  Result<std::vector<PublicationLookup>> publications(const std::set<std::string>& domains);

  // What the TXT records say.
  Result<std::map<std::string, ReportDestinations>> destinations(const std::set<std::string>& domains);

 private:
  Result<discovery::DiscoveryStack*> discovery();

  const Surroundings& surroundings_;
  std::unique_ptr<discovery::DiscoveryStack> discovery_;  // from the first question on
};

}  // namespace starttls::report
