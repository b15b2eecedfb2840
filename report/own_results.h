// The results of our own mail to our own policy domains, as if another organization had reported them: evidence for
// advice, and for the comparison with what our MX hosts saw.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "report/context.h"
#include "report/report_assembler.h"
#include "store/store.h"

namespace starttls::report {

// The name of the reporter.
inline constexpr const char* own_results_name = "our own mail (tlsrpt-collector)";

// Passes a policy of a report for each policy of each day; they count as authenticated. With `domain`, only those about
// it. Nothing where no collector has received anything, or none of our domains is configured.
Result<void> read_own_results(const Context& context, const OurDomains& ours, const store::Period& period,
                              const std::optional<std::string>& domain, const ReportedSink& take);

}  // namespace starttls::report
