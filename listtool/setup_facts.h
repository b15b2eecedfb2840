// Between the facts that examination gathers and what publication plans with them. Pure.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "examination/facts.h"
#include "mtasts/policy.h"
#include "publication/publication.h"

namespace starttls::listtool {

// Fault::data where the domain does not exist or takes no mail. Fault::temporary where something was not found out that
// decides the order of changes.
Result<publication::Published> published_of(const examination::DomainFacts& facts);

// One MX host. Fault::temporary where its TLSA records could not be looked up.
Result<publication::PublishedHost> published_host(const examination::DomainFacts& facts,
                                                  const examination::HostFacts& host);

// What would be at fault at the MX hosts if senders enforced this policy: a phrase each, such as
// "mx.example.org[192.0.2.1]: the certificate is not trusted".
std::vector<std::string> obstacles_to(const mtasts::Policy& policy, examination::DomainFacts facts);

}  // namespace starttls::listtool
