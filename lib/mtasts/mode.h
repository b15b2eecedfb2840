// The modes of an MTA-STS policy (RFC 8461 section 5). An entry of a preload list has the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace starttls::mtasts {

enum class Mode : std::uint8_t {
  none,     // no requirement. In a preload list, it cancels the entry of a list below it
  testing,  // deliver as if there were no policy; failures are of interest
  enforce,  // deliver only over authenticated TLS to a matching MX host, or not at all
};

std::string_view to_string(Mode mode);
std::optional<Mode> find_mode(std::string_view word);

}  // namespace starttls::mtasts
