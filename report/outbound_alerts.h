// What needs attention in our outbound mail. Pure.
#pragma once

#include <vector>

#include "outbound/figures.h"
#include "report/alerts.h"

namespace starttls::report {

// One alert for each domain whose share of failed sessions is over the limit, and one for those beyond the tenth.
std::vector<Alert> outbound_alerts(const outbound::Summary& day, const AlertSettings& settings);

}  // namespace starttls::report
