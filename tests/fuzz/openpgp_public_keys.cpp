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
    const openpgp::Verified verified{.signer = key.fingerprint, .algorithm = key.algorithm};
    const bool is_strong = openpgp::strong_enough(verified, *keys).has_value();
    fuzz::require(is_strong || key.algorithm <= 17);
    fuzz::require(openpgp::strong_enough(verified, {}).has_value() <= is_strong);
  }
  return 0;
}
