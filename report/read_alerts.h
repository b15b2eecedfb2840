// What `alert` looks at, read from the stores: for the command, and for the top of the page.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "report/alerts.h"
#include "report/surroundings.h"

namespace starttls::report {

// `day` is the last day that is looked at. With a policy domain: only reports about it, and no downgrades
// and silent MX hosts, which belong to no policy domain. Errors as of the stores.
Result<AlertCollection> read_alerts(const Surroundings& surroundings, const AlertSettings& settings, Day day,
                                    const std::optional<std::string>& domain = std::nullopt);

}  // namespace starttls::report
