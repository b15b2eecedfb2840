// Whether Sendmail asks for our policies and can follow them.
#pragma once

#include "listtool/doctor_checks.h"

namespace starttls::listtool {

doctor::Checks sendmail_checks(const OutboundFacts& facts, const doctor::Sendmail& sendmail);

}  // namespace starttls::listtool
