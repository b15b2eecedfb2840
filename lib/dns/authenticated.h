// Whether a resolver validates DNSSEC, as a mail server sees it: it trusts the AD bit (RFC 4035 section 3.2.3)
// of the resolvers in resolv.conf(5), and validates nothing itself.
#pragma once

#include <chrono>
#include <string>

#include "base/result.h"

namespace starttls::dns {

// Asks the resolver for the SOA record of the root, over UDP, and returns whether the answer has the AD bit.
// `server` is in the form of check_server(). Fault::temporary without an answer in time, Fault::unavailable if
// the resolver refuses, or fails to answer, the question, Fault::config if `server` is invalid. Blocks.
Result<bool> is_authenticated(const std::string& server, std::chrono::milliseconds time_limit);

}  // namespace starttls::dns
