// Numbers in sentences.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace starttls {

// A number and what it counts: "1 session", "2 sessions", "0 policies", "3 addresses". `one`: an English
// word, or several of which the last takes the plural.
std::string counted(std::uint64_t number, std::string_view one);

}  // namespace starttls
