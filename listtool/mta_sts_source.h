// The MTA-STS policies that are known, as one more source of the maps: it goes before every list.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "listtool/configuration.h"
#include "listtool/sources.h"

namespace starttls::listtool {

// The policies in the cache that live now; nothing where there is no cache. A policy that is only testing
// demands nothing here, whatever a list says and however early an adopter the operator is (RFC 8461 section
// 5). Errors as of mtastsdb::Cache.
Result<std::optional<Source>> read_mta_sts_source(const Configuration& configuration, Time now);

// Differs if the content of a map would differ.
std::string fingerprint(const std::optional<Source>& mta_sts);

}  // namespace starttls::listtool
