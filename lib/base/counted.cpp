#include "base/counted.h"

#include <fmt/format.h>

namespace starttls {

std::string counted(std::uint64_t number, std::string_view one) {
  std::string what(one);
  if (number != 1) {
    const auto ends_in = [&](std::string_view end) { return one.ends_with(end); };
    const bool is_consonant_y =
        one.size() > 1 && one.back() == 'y' && !std::string_view("aeiou").contains(one[one.size() - 2]);
    if (is_consonant_y) {
      what.replace(what.size() - 1, 1, "ies");
    } else if (ends_in("s") || ends_in("x") || ends_in("ch") || ends_in("sh")) {
      what += "es";
    } else {
      what += 's';
    }
  }
  return fmt::format("{} {}", number, what);
}

}  // namespace starttls
