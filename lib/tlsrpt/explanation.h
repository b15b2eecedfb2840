// What the failures in a report mean to the administrator of the policy domain that it is about.
#pragma once

#include <string_view>

namespace starttls::tlsrpt {

// A sentence or two each, to be shown as they are.
struct Explanation {
  std::string_view meaning;
  std::string_view cause;   // the likely ones
  std::string_view remedy;  // what to look at or to do
};

// In the place of a "result-type": of failures that a report counts and gives no details of, and of a detail
// without a type. No type of RFC 8460 has blanks in it.
inline constexpr std::string_view no_details_given = "no details given";
inline constexpr std::string_view no_type_given = "no type given";

// Of a "result-type" (RFC 8460 section 4.3), whatever its case; of one that is not known, what can be said of
// any.
const Explanation& explain_result_type(std::string_view result_type);

}  // namespace starttls::tlsrpt
