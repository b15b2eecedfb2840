#include "base/clock.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto text = fuzz::text_of(bytes, size);
  if (const auto time = parse_rfc3339(text)) {
    // With an offset the year may be outside of those that can be written.
    const auto again = parse_rfc3339(to_rfc3339(*time));
    fuzz::require(!again || *again == *time);
  }
  if (const auto day = parse_day(text)) fuzz::require(parse_day(to_string(*day)) == *day);
  return 0;
}
