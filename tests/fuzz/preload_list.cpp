#include "base/text.h"
#include "entries.h"
#include "fuzz.h"
#include "preload/reader.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = preload::read_list("list", fuzz::text_of(bytes, size));
  bool refused = false;
  for (const auto& finding : reading.findings) {
    refused = refused || finding.severity == Severity::refused;
    const std::string text = to_string(finding);
    fuzz::require(text.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(text));
  }
  fuzz::require(refused != reading.list.has_value());
  if (!reading.list) return 0;
  fuzz::require(reading.list->timestamp < reading.list->expires);
  fuzz::check_entries(*reading.list);
  return 0;
}
