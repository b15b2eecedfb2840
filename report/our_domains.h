// What is known of our own policy domains without asking anybody.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "report/policy_owner.h"
#include "report/surroundings.h"

namespace starttls::report {

// The policy domains that the configuration names as ours, as they are compared; none: it does not tell.
std::set<std::string> our_domains(const config::TlsrptConfig& configuration);

// The configured domains, and `asked_for` where a command is about one; their MX hosts by what lookups have
// seen before, the MTA-STS policies that are cached, and those in the files of [[policy]]. What cannot be
// read is left out.
OurDomains our_facts(const Surroundings& surroundings,
                     const std::optional<std::string>& asked_for = std::nullopt);

}  // namespace starttls::report
