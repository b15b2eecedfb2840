// The failed handshakes in the mail server's log: the names that reports have for the same failures, and what
// they mean.
#pragma once

#include <string>
#include <string_view>

#include "session/failure.h"
#include "tlsrpt/explanation.h"

namespace starttls::report {

// The "result-type" (RFC 8460 section 4.3.2) under which the sending side would report the failure:
// "certificate-host-mismatch" for bad_certificate. "validation-failure" where the RFC has no type of its
// own.
std::string_view result_type(session::HandshakeFailure failure);

// Whether both names mean the same, so that sessions of the log and of reports belong in one row: not
// for what the RFC only has "validation-failure" for, nor for what is only near to its type.
bool has_own_result_type(session::HandshakeFailure failure);

// What one row or heading is called: the result type where has_own_result_type(), else the word of the log.
std::string_view failure_name(session::HandshakeFailure failure);

// What it means, its likely causes and what to do.
const tlsrpt::Explanation& explain_result_type(session::HandshakeFailure failure);

// The same of a name that failure_name() gave or a report has.
const tlsrpt::Explanation& explain_failure(std::string_view name);

}  // namespace starttls::report
