// The field Authentication-Results of a mail (RFC 8601): which checks of the mail's origin a mail server
// made, and their results. Pure: text in, values out. GMime 3.2 has no parser for it.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::mail {

inline constexpr std::size_t max_authentication_field = std::size_t{64} << 10U;  // bytes of a field
inline constexpr std::size_t max_authentication_results = 100;                   // of a field

// One result, "dkim=pass header.d=example.org".
struct AuthenticationResult {
  struct Property {
    std::string type;  // "header", "smtp", "policy"; lower case
    std::string name;  // "d"; lower case
    std::string value;
  };

  std::string method;  // "dkim", without its version; lower case
  std::string result;  // "pass"; lower case
  std::vector<Property> properties;

  // The value of a property that is there exactly once.
  std::optional<std::string_view> property(std::string_view type, std::string_view name) const;
};

struct AuthenticationResults {
  std::string authserv_id;  // as written, without quotes
  std::vector<AuthenticationResult> results;
};

// `value` is the field without its name, folded or not. Comments are dropped, quoted strings unquoted. What
// is in a result beside its properties is ignored, as some servers write more than RFC 8601 section 2.2
// allows. Nothing where the field has no authserv-id, another version than 1, an unterminated comment or
// quoted string, a NUL, or exceeds the limits.
std::optional<AuthenticationResults> parse_authentication_results(std::string_view value);

// The authserv-id alone, also where the rest of the field is malformed.
std::optional<std::string> parse_authserv_id(std::string_view value);

}  // namespace starttls::mail
