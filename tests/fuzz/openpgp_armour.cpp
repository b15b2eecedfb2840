#include "fuzz.h"
#include "openpgp/armour.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto keys = openpgp::keyring(fuzz::text_of(bytes, size));
  // The output is packets, so that reading it again does not change it.
  if (keys) fuzz::require(!keys->empty() && keys->size() <= size && openpgp::keyring(*keys) == *keys);
  return 0;
}
