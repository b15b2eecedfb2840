// The public keys in a binary keyring (RFC 9580 sections 4.2, 5.5.2 and 5.5.4) and their lengths.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "openpgp/status.h"

namespace starttls::openpgp {

struct PublicKey {
  std::string fingerprint;  // 40 or 64 upper-case hexadecimal digits
  int algorithm = 0;        // RFC 9580 section 9.1
  std::size_t bits = 0;     // of the modulus of RSA, the prime of DSA; 0 of others
};

// Primary keys and subkeys of versions 4 to 6; other packets are ignored. Fault::data where the bytes are no
// packets, or hold no key.
Result<std::vector<PublicKey>> public_keys(std::string_view keyring);

// The minimum length of an RSA key that signs (RFC 9580 section 12.4).
inline constexpr std::size_t min_rsa_bits = 2048;

// Whether the key that signed is strong enough. Fault::data: a shorter RSA key, or DSA, which FIPS 186-5 no
// longer approves.
Result<void> strong_enough(const Verified& verified, std::span<const PublicKey> keys);

}  // namespace starttls::openpgp
