#include <algorithm>

#include "base/domain.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto name = DomainName::parse(fuzz::text_of(bytes, size));
  if (!name) return 0;
  const std::string& text = name->str();
  fuzz::require(!is_address_like(fuzz::text_of(bytes, size)) && !is_address_like(text));
  fuzz::require(DomainName::is_plain(text));
  fuzz::require(!text.empty() && text.size() <= 253);
  fuzz::require(text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-.") == std::string::npos);
  fuzz::require(text.front() != '.' && text.back() != '.');
  // A parsed name stays the same name when it is parsed again.
  const auto again = DomainName::parse(text);
  fuzz::require(again && again->str() == text);
  return 0;
}
