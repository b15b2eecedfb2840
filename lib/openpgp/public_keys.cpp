#include "openpgp/public_keys.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace starttls::openpgp {
namespace {

constexpr int rsa = 1, rsa_encrypt_only = 2, rsa_sign_only = 3, dsa = 17;
constexpr unsigned public_key_packet = 6;
constexpr unsigned public_subkey_packet = 14;

bool is_rsa(int algorithm) {
  return algorithm == rsa || algorithm == rsa_encrypt_only || algorithm == rsa_sign_only;
}

struct Packet {
  unsigned type = 0;
  std::string_view body;
};

// Removes a big-endian number of so many octets from the text and returns it.
std::optional<std::size_t> take_number(std::string_view& bytes, std::size_t octets) {
  if (bytes.size() < octets) return std::nullopt;
  std::size_t number = 0;
  for (std::size_t i = 0; i < octets; ++i) number = number << 8U | static_cast<unsigned char>(bytes[i]);
  bytes.remove_prefix(octets);
  return number;
}

// RFC 9580 section 4.2.1; partial lengths are for data only.
std::optional<std::size_t> take_length(std::string_view& bytes) {
  const auto first = take_number(bytes, 1);
  if (!first || *first < 192) return first;
  if (*first == 255) return take_number(bytes, 4);
  const auto second = *first < 224 ? take_number(bytes, 1) : std::nullopt;
  return second ? std::optional(((*first - 192) << 8U) + *second + 192) : std::nullopt;
}

// RFC 9580 section 4.2.2, the legacy format; an indeterminate length is for data only.
std::optional<std::size_t> take_legacy_length(std::string_view& bytes, unsigned length_type) {
  return length_type == 3 ? std::nullopt : take_number(bytes, std::size_t{1} << length_type);
}

std::optional<Packet> take_packet(std::string_view& bytes) {
  const auto header = static_cast<unsigned>(take_number(bytes, 1).value_or(0));
  if ((header & 0x80U) == 0) return std::nullopt;
  const bool legacy = (header & 0x40U) == 0;
  const auto length = legacy ? take_legacy_length(bytes, header & 3U) : take_length(bytes);
  if (!length || *length > bytes.size()) return std::nullopt;
  const Packet packet{.type = legacy ? header >> 2U & 0x0FU : header & 0x3FU,
                      .body = bytes.substr(0, *length)};
  bytes.remove_prefix(*length);
  return packet;
}

// How a key version's fingerprint is made: the first bytes of the digest's input, and the digest.
struct FingerprintRule {
  unsigned char version;
  unsigned char prefix;
  std::size_t length_octets;
  const EVP_MD* (*digest)();
};
constexpr std::array rules{
    FingerprintRule{.version = 4, .prefix = 0x99, .length_octets = 2, .digest = ::EVP_sha1},
    FingerprintRule{.version = 5, .prefix = 0x9A, .length_octets = 4, .digest = ::EVP_sha256},
    FingerprintRule{.version = 6, .prefix = 0x9B, .length_octets = 4, .digest = ::EVP_sha256}};

std::string fingerprint_of(std::string_view body, const FingerprintRule& rule) {
  std::string text(1, static_cast<char>(rule.prefix));
  for (std::size_t i = rule.length_octets; i-- > 0;)
    text += static_cast<char>(body.size() >> (8 * i) & 0xFFU);
  text += body;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (::EVP_Digest(text.data(), text.size(), digest.data(), &size, rule.digest(), nullptr) != 1) return {};
  std::string fingerprint;
  for (unsigned i = 0; i < size; ++i) fingerprint += fmt::format("{:02X}", digest[i]);
  return fingerprint;
}

// Returns nothing for an unsupported key version. Such a key cannot be the one that signed.
std::optional<PublicKey> key_in(std::string_view body) {
  const auto version = static_cast<unsigned char>(body.empty() ? 0 : body.front());
  const auto rule = std::ranges::find(rules, version, &FingerprintRule::version);
  std::string_view rest = body.substr(std::min<std::size_t>(body.size(), 1));
  if (rule == rules.end() || !take_number(rest, 4)) return std::nullopt;
  const auto algorithm = take_number(rest, 1);
  if (!algorithm || (version > 4 && !take_number(rest, 4))) return std::nullopt;
  PublicKey key{.fingerprint = fingerprint_of(body, *rule), .algorithm = static_cast<int>(*algorithm)};
  if (is_rsa(key.algorithm) || key.algorithm == dsa) key.bits = take_number(rest, 2).value_or(0);
  return key;
}

}  // namespace

Result<std::vector<PublicKey>> public_keys(std::string_view keyring) {
  std::vector<PublicKey> keys;
  while (!keyring.empty()) {
    const auto packet = take_packet(keyring);
    if (!packet) return fail(Fault::data, "not a sequence of OpenPGP packets");
    if (packet->type != public_key_packet && packet->type != public_subkey_packet) continue;
    if (auto key = key_in(packet->body)) keys.push_back(std::move(*key));
  }
  if (keys.empty()) return fail(Fault::data, "no OpenPGP public key of version 4, 5 or 6 in it");
  return keys;
}

Result<void> strong_enough(const Verified& verified, std::span<const PublicKey> keys) {
  if (verified.algorithm == dsa) {
    return fail(Fault::data, "signed with the DSA key {}: DSA is refused", verified.signer);
  }
  if (!is_rsa(verified.algorithm)) return {};
  const auto key = std::ranges::find(keys, verified.signer, &PublicKey::fingerprint);
  const std::size_t bits = key == keys.end() ? 0 : key->bits;
  if (bits >= min_rsa_bits) return {};
  return fail(Fault::data, "signed with the RSA key {} of {} bits: fewer than {} are refused",
              verified.signer, bits, min_rsa_bits);
}

}  // namespace starttls::openpgp
