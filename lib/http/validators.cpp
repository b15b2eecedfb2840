#include "http/validators.h"

#include <algorithm>

namespace starttls::http {

bool is_validator(std::string_view text) {
  return !text.empty() && text.size() <= validator_size_limit &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c < '\x7f'; });
}

}  // namespace starttls::http
