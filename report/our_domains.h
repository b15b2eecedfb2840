// Our own policy domains and their MX hosts, as far as they are known without a lookup.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "report/context.h"
#include "report/policy_owner.h"

namespace starttls::report {

// The policy domains in the configuration, normalised; none: they are not configured.
std::set<std::string> configured_domains(const config::TlsrptConfig& configuration);

// The configured domains, and `asked_for` where a command is about one; their MX hosts by earlier lookups, by
// cached MTA-STS policies, and by the files of [[policy]]. A source that cannot be read is left out.
OurDomains load_our_domains(const Context& context,
                            const std::optional<std::string>& asked_for = std::nullopt);

}  // namespace starttls::report
