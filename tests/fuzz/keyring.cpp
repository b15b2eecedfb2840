#include "keyring/keyring.h"

#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto read = keyring::parse_keyring(fuzz::text_of(bytes, size));
  if (!read) {
    fuzz::require(!read.error().message.empty());
    return 0;
  }
  fuzz::require(read->root.threshold >= 1 && read->root.threshold <= read->root.keys.size());
  fuzz::require(read->threshold >= 1 && read->threshold <= read->signing.size());
  const std::string text = keyring::to_json(*read);
  const auto again = keyring::parse_keyring(text);
  fuzz::require(again && keyring::to_json(*again) == text);
  return 0;
}
