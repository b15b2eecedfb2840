#include "base/domain.h"
#include "base/text.h"
#include "fuzz.h"
#include "preload/mx_pattern.h"
#include "preload/reader.h"

using namespace starttls;

namespace {

// Nothing but validated names in ascending order, as a map needs them.
void check_entries(const preload::List& list) {
  for (std::size_t i = 0; i < list.size(); ++i) {
    const preload::Entry entry = list[i];
    const auto domain = DomainName::parse(entry.domain);
    fuzz::require(domain && domain->str() == entry.domain);
    fuzz::require(i == 0 || list[i - 1].domain < entry.domain);
    fuzz::require(list.find(entry.domain).has_value());
    fuzz::require(entry.joined_mxs.empty() == (entry.mode == preload::Mode::none));
    if (entry.joined_mxs.empty()) continue;
    for (const auto mx : preload::mxs_of(entry)) {
      const auto pattern = preload::MxPattern::parse(mx);
      fuzz::require(pattern && pattern->str() == mx);
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto reading = preload::read_list("list", fuzz::text_of(bytes, size));
  bool refused = false;
  for (const auto& finding : reading.findings) {
    refused = refused || finding.severity == preload::Severity::refused;
    const std::string text = to_text(finding);
    fuzz::require(text.find_first_of("\n\r\x1b") == std::string::npos && is_utf8(text));
  }
  fuzz::require(refused != reading.list.has_value());
  if (!reading.list) return 0;
  fuzz::require(reading.list->timestamp < reading.list->expires);
  check_entries(*reading.list);
  return 0;
}
