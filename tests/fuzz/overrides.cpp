#include "policy/overrides.h"

#include "base/text.h"
#include "entries.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = policy::read_overrides("overrides", fuzz::text_of(bytes, size));
  fuzz::require(reading.findings.empty() == reading.list.has_value());
  Position last;
  for (const auto& finding : reading.findings) {
    const auto& position = finding.position;
    fuzz::require(position.line > last.line ||
                  (position.line == last.line && position.column >= last.column));
    last = position;
    const std::string text = to_string(finding);
    fuzz::require(text.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(text));
  }
  if (reading.list) fuzz::check_entries(*reading.list);
  return 0;
}
