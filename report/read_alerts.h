// Reads the figures for alerts from the stores: for `tlsrpt-report alert`, and for the top of the page.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "report/alerts.h"
#include "report/context.h"

namespace starttls::report {

// `day` is the last day to examine. With a policy domain, only reports about it count. Then there are no
// downgrades and silent MX hosts, since these belong to no policy domain. Errors as of the stores.
Result<AlertCollection> read_alerts(const Context& context, const AlertSettings& settings, Day day,
                                    const std::optional<std::string>& domain = std::nullopt);

}  // namespace starttls::report
