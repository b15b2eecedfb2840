// Our own policy domains and their MX hosts, without a lookup.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "report/context.h"
#include "report/policy_owner.h"

namespace starttls::report {

// The policy domains in the configuration, normalised. Empty: none are configured.
std::set<std::string> configured_domains(const config::TlsrptConfig& configuration);

// The configured domains, and `asked_for` if a command is about one domain. Their MX hosts come from earlier
// lookups, from cached MTA-STS policies, and from the files of [[policy]]. A source that cannot be read is
// left out.
OurDomains load_our_domains(const Context& context,
                            const std::optional<std::string>& asked_for = std::nullopt);

}  // namespace starttls::report
