// The versions of Postfix that differ in what they understand.
#pragma once

#include <compare>
#include <string_view>

#include "base/result.h"

namespace starttls::listtool::postfix {

struct Version {
  unsigned major = 0;
  unsigned minor = 0;
  auto operator<=>(const Version&) const = default;
};

// The first version whose TLS reports (TLSRPT_README) need attributes in a policy.
inline constexpr Version first_with_tlsrpt{.major = 3, .minor = 10};

// "3.7", "3.7.11", "3.10-20241126": as "postconf -h mail_version" prints it. Otherwise Fault::usage.
Result<Version> parse_version(std::string_view text);

}  // namespace starttls::listtool::postfix
