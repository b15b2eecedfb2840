// The cached MTA-STS policies as a source of the maps. It takes precedence over every list.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/sources.h"

namespace starttls::listtool {

// The valid policies in the cache; nothing if there is no cache. A policy of mode testing demands nothing
// here, even if a list has the domain and the operator is an early adopter (RFC 8461 section 5). Errors as of
// mtastsdb::Cache.
Result<std::optional<Source>> read_mta_sts_source(const Configuration& configuration, Time now);

// Differs if the policies in a map would differ.
std::string fingerprint(const std::optional<Source>& mta_sts);

}  // namespace starttls::listtool
