#include "listtool/serve/request.h"

#include <algorithm>

namespace starttls::listtool::serve {
namespace {

constexpr RequestReading incomplete{.state = Reading::incomplete};
constexpr RequestReading malformed{.state = Reading::malformed};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

RequestReading read_request(std::string_view bytes) {
  std::size_t length = 0;
  std::size_t digits = 0;
  for (; digits < bytes.size() && is_digit(bytes[digits]); ++digits) {
    if (digits > 0 && bytes.front() == '0') return malformed;
    length = length * 10 + static_cast<std::size_t>(bytes[digits] - '0');
    if (length > max_request_size) return malformed;
  }
  if (digits == bytes.size()) return incomplete;
  if (digits == 0 || bytes[digits] != ':') return malformed;
  const std::string_view rest = bytes.substr(digits + 1);
  if (rest.size() <= length) return incomplete;
  if (rest[length] != ',') return malformed;
  const std::string_view text = rest.substr(0, length);
  const auto blank = text.find(' ');
  if (blank == text.npos) return malformed;
  return {.state = Reading::complete,
          .request = {.map = text.substr(0, blank), .key = text.substr(blank + 1)},
          .size = digits + 1 + length + 1};
}

}  // namespace starttls::listtool::serve
