#include "base/ip_address.h"
#include "fuzz.h"

using namespace starttls;

// An address, as in an MTA's macros or log, and a network, as in a configuration.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text = fuzz::text_of(bytes, size);
  const auto address = IpAddress::parse(text);
  if (address) {
    fuzz::require(IpAddress::parse(address->text()) == address);
    for (std::size_t length = 0; length <= address->bits(); length += 8) {
      const IpAddress masked = address->masked(length);
      fuzz::require(masked.masked(length) == masked && masked.is_ipv4() == address->is_ipv4());
    }
    fuzz::require(address->masked(address->bits()) == *address);
  }
  if (const auto network = IpNetwork::parse(text)) {
    const auto again = IpNetwork::parse(network->text());
    fuzz::require(again && again->text() == network->text());
    fuzz::require(!address || network->contains(*address));
  }
  return 0;
}
