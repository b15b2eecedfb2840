// What Exim has to do with inbound sessions: its TLS, and that it has no milters.
#pragma once

#include <vector>

#include "report/doctor_checks.h"

namespace starttls::report {

// tls_certificate and tls_privatekey, each of which may name several files. None where their value depends on a
// session.
std::vector<doctor::CertificateFiles> certificate_files(const doctor::Exim& exim);

doctor::Checks exim_checks(const InboundFacts& facts, const doctor::Exim& exim);

}  // namespace starttls::report
