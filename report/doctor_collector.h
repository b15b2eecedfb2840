// Whether Postfix sends the results of outbound mail to tlsrpt-collector, which receives them.
#pragma once

#include "report/doctor_checks.h"

namespace starttls::report {

// Nothing where neither of them is set up.
doctor::Checks collector_checks(const InboundFacts& facts);

inline constexpr const char* collector_unit = "tlsrpt-collector.service";

}  // namespace starttls::report
