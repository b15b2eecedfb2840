#include "fuzz.h"
#include "openpgp/public_keys.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto keys = openpgp::public_keys(fuzz::text_of(bytes, size));
  if (!keys) return 0;
  // A key needs at least eight bytes.
  fuzz::require(!keys->empty() && keys->size() <= size / 8);
  for (const auto& key : *keys) {
    fuzz::require(key.fingerprint.size() == 40 || key.fingerprint.size() == 64);
    fuzz::require(key.bits <= 0xFFFF);
  }
  return 0;
}
