// The policy domain of a report (RFC 8460 section 4.4), in the form in which domains are compared.
#pragma once

#include <string>
#include <string_view>

namespace starttls::tlsrpt {

// As DomainName: lower case, A-labels, no trailing dot. A text that is no domain name is kept, in lower
// case and without a trailing dot; "" stays "".
std::string normalise_policy_domain(std::string_view text);

}  // namespace starttls::tlsrpt
