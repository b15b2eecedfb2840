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

// Of a "result-type" (RFC 8460 section 4.3), whatever its case; of one that is not known, what can be said of
// any.
const Explanation& explanation_of(std::string_view result_type);

}  // namespace starttls::tlsrpt
