// What failures in a report mean, for the administrator of the policy domain.
#pragma once

#include <string_view>

namespace starttls::tlsrpt {

// One or two sentences each, fit to be shown.
struct Explanation {
  std::string_view meaning;
  std::string_view cause;   // the likely ones
  std::string_view remedy;  // what to check or to do
};

// Shown instead of a "result-type": for failures that a report counts without details, and for a detail
// without a type. No type of RFC 8460 contains blanks.
inline constexpr std::string_view no_details_given = "no details given";
inline constexpr std::string_view no_type_given = "no type given";

// Explains a "result-type" (RFC 8460 section 4.3), in upper or lower case. An unknown type gets a general
// explanation.
const Explanation& explain_result_type(std::string_view result_type);
// Whether it has an explanation of its own.
bool is_known_result_type(std::string_view result_type);

}  // namespace starttls::tlsrpt
