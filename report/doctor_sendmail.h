// Whether Sendmail receives mail over TLS, and uses the milter.
#pragma once

#include "report/doctor_checks.h"

namespace starttls::report {

doctor::Checks sendmail_checks(const InboundFacts& facts, const doctor::Sendmail& sendmail);

}  // namespace starttls::report
