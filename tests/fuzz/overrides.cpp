#include "policy/overrides.h"

#include "base/text.h"
#include "entries.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = policy::read_overrides("overrides", fuzz::text_of(bytes, size));
  fuzz::require(reading.findings.empty() == reading.list.has_value());
  Place last;
  for (const auto& finding : reading.findings) {
    const auto& place = finding.place;
    fuzz::require(place.line > last.line || (place.line == last.line && place.column >= last.column));
    last = place;
    const std::string text = to_text(finding);
    fuzz::require(text.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(text));
  }
  if (reading.list) fuzz::check_entries(*reading.list);
  return 0;
}
