#include "certificate/tlsa.h"

#include <algorithm>

#include "dane/dane.h"

namespace starttls::dane {

TlsaStatus tlsa_status(std::span<const dns::Tlsa> records) {
  return std::ranges::any_of(records, certificate::is_usable) ? TlsaStatus::usable : TlsaStatus::unusable;
}

}  // namespace starttls::dane
