// Keys of servers, in files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "certificate/certificate.h"

namespace starttls::certificate {

inline constexpr std::size_t max_key_size = std::size_t{64} << 10U;  // bytes of a text in PEM

struct PublicKey {
  KeyKind kind = KeyKind::other;
  int bits = 0;
  std::string curve;  // as in Certificate
  std::string der;    // SubjectPublicKeyInfo, bytes
};

// The public half of the first private key in a text in PEM: PKCS #8 or the older forms, of any algorithm
// that OpenSSL knows. Certificates around it are ignored. Fault::data where there is none, where it is
// malformed, and, with the command that helps, where it is encrypted with a passphrase.
Result<PublicKey> read_private_key(std::string_view text);

// The first public key of a text in PEM, as "openssl pkey -pubout" prints it. Fault::data.
Result<PublicKey> read_public_key(std::string_view text);

// Whether the certificate is for that key.
bool belongs_to(const PublicKey& key, const Certificate& certificate);

}  // namespace starttls::certificate
