// Public keys of minisign (https://jedisct1.github.io/minisign/, "Public key format").
//
// A key is base64 of 42 bytes: "Ed", 8 bytes of key id, 32 bytes of Ed25519 public key (RFC 8032). A key file
// is one line of untrusted comment and one line with the key.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::minisign {

// A larger file is no key file, in bytes.
inline constexpr std::size_t key_file_size_limit = 4096;
// The longest untrusted comment, in bytes, its prefix included; as in minisign.
inline constexpr std::size_t untrusted_comment_limit = 1024;

// Random bytes that identify the key of a signature. They prove nothing.
using KeyId = std::array<unsigned char, 8>;

// "A809E3FFB11E271C": 16 digits. minisign(1) omits leading zeros where it shows an id.
std::string to_string(const KeyId& id);

struct PublicKey {
  KeyId id{};
  std::array<unsigned char, 32> key{};

  bool operator==(const PublicKey&) const = default;
};

// Reads the base64 text of a key ("RWQ..."). Fault::data with the reason. A point of small order, such as 32
// zero bytes, is refused: with it, OpenSSL would accept signatures that nobody made.
Result<PublicKey> parse_key(std::string_view base64);

// The base64 text of a key, as parse_key() reads it.
std::string to_base64(const PublicKey& key);

// Reads a key file, with or without its comment line; LF or CRLF. Fault::data with the reason.
Result<PublicKey> parse_key_file(std::string_view content);

}  // namespace starttls::minisign
