// Whether Postfix receives mail over TLS, and uses the milter.
#pragma once

#include <string>
#include <vector>

#include "report/doctor_checks.h"

namespace starttls::report {

doctor::Checks postfix_checks(const InboundFacts& facts, const doctor::Postfix& postfix);

// The files in smtpd_tls_chain_files and smtpd_tls_cert_file.
std::vector<std::string> certificate_files(const doctor::Postfix& postfix);

}  // namespace starttls::report
