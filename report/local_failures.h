// The failed handshakes in the mail server's log: the names that reports use for the same failures, and what
// they mean.
#pragma once

#include <string>
#include <string_view>

#include "session/failure.h"
#include "tlsrpt/explanation.h"

namespace starttls::report {

// The "result-type" (RFC 8460 section 4.3.2) that the sending side would report for the failure:
// "certificate-host-mismatch" for bad_certificate. "validation-failure" if the RFC has no type for it.
std::string_view result_type(session::HandshakeFailure failure);

// The "failure-reason-code" of our own reports (RFC 8460 section 4.4): "unknown-ca: the sending MTA does not
// trust who issued the certificate".
std::string failure_reason(session::HandshakeFailure failure);

// Whether both names mean the same, so that sessions of the log and of reports belong in one row. False if
// the RFC has only "validation-failure" for it, or only a similar type.
bool has_own_result_type(session::HandshakeFailure failure);

// The title of a row or heading: the result type if has_own_result_type(), otherwise the name in the log.
std::string_view failure_name(session::HandshakeFailure failure);

// Its meaning, its likely causes and what to do.
const tlsrpt::Explanation& explain_result_type(session::HandshakeFailure failure);

// The same for a name from failure_name() or from a report.
const tlsrpt::Explanation& explain_failure(std::string_view name);

}  // namespace starttls::report
