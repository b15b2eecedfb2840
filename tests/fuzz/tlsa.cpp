// The first three bytes are usage, selector and matching type, the others the data.
#include "dane/dane.h"
#include "fuzz.h"

using namespace starttls;

int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  if (size < 3) return 0;
  const dns::Tlsa record{bytes[0], bytes[1], bytes[2], std::string(fuzz::text_of(bytes + 3, size - 3))};
  const auto binding = dane::tlsa_status({&record, 1});
  fuzz::require(binding == dane::TlsaStatus::usable || binding == dane::TlsaStatus::unusable);
  if (binding == dane::TlsaStatus::usable)
    fuzz::require((record.usage == 2 || record.usage == 3) && !record.data.empty());
  return 0;
}
