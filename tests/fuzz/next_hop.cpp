#include "base/next_hop.h"

#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto next_hop = NextHop::parse(fuzz::text_of(bytes, size));
  if (!next_hop) return 0;
  const std::string& text = next_hop->str();
  fuzz::require(next_hop->port() != 0);
  fuzz::require(!is_address_like(text));
  fuzz::require(next_hop->is_host() == text.starts_with('['));
  fuzz::require(next_hop->is_domain() == (text == next_hop->domain().str()));
  // It is used as the key of a map.
  fuzz::require(text.find_first_of(" \t\r\n#") == text.npos);
  const auto again = NextHop::parse(text);
  fuzz::require(again && *again == *next_hop && again->domain() == next_hop->domain());
  return 0;
}
