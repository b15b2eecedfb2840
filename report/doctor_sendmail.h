// Whether Sendmail receives mail over TLS, and uses the milter.
#pragma once

#include <vector>

#include "report/doctor_checks.h"

namespace starttls::report {

// confSERVER_CERT and confSERVER_KEY, each of which may name several files.
std::vector<doctor::CertificateFiles> certificate_files(const doctor::Sendmail& sendmail);

doctor::Checks sendmail_checks(const InboundFacts& facts, const doctor::Sendmail& sendmail);

}  // namespace starttls::report
