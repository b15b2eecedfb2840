// Whether Postfix receives mail over TLS, and uses the milter.
#pragma once

#include <vector>

#include "report/doctor_checks.h"

namespace starttls::report {

doctor::Checks postfix_checks(const InboundFacts& facts, const doctor::Postfix& postfix);

// The certificates of its services that receive mail.
std::vector<doctor::CertificateFiles> certificate_files(const doctor::Postfix& postfix);

}  // namespace starttls::report
