// Where hosts share a store: the days whose reports about outbound mail this host makes (outbound/report_claims.h), and
// what its queue holds for them.
#pragma once

#include <optional>

#include "base/result.h"
#include "outbound/report_claims.h"
#include "report/context.h"
#include "report/sending.h"

namespace starttls::report {

// Nothing where the store is not shared.
Result<std::optional<outbound::ReportClaims>> claims_of(const Context& context);

// After a run that was interrupted: lets go what is held for days whose reports this host has queued, and removes what is
// held for days that another host has claimed, or where no store is shared any more.
Result<void> settle(ReportSender& sender, const std::optional<outbound::ReportClaims>& claims);

}  // namespace starttls::report
