#include "minisign/key.h"

#include <algorithm>
#include <ranges>
#include <vector>

#include "minisign/encoding.h"

namespace starttls::minisign {
namespace {

using RawKey = std::array<unsigned char, 32>;

// The y coordinates of the eight points whose order divides 8, with the least byte first, and their encodings
// that exceed the field. Points that share a y coordinate differ in the sign of x, the top bit. The list is
// libsodium's (ge25519_has_small_order).
constexpr std::array<RawKey, 7> small_order{
    {{},   // 0, of order 4
     {1},  // 1, of order 1
     {0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
      0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},  // 8
     {0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
      0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},  // 8
     {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // p-1
     {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},  // p
     {0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
      0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}}};  // p+1

bool has_small_order(RawKey key) {
  key.back() &= 0x7f;  // without the sign of x
  return std::ranges::find(small_order, key) != small_order.end();
}

}  // namespace

std::string to_string(const KeyId& id) {
  // minisign shows the id as a little-endian number.
  std::string text;
  for (const unsigned char byte : id | std::views::reverse) text += fmt::format("{:02X}", byte);
  return text;
}

Result<PublicKey> parse_key(std::string_view base64) {
  std::array<unsigned char, 42> decoded{};
  if (!decode_base64(base64, decoded)) {
    return fail(Fault::data, "a minisign public key is 56 characters of base64 that begin with RW");
  }
  if (decoded[0] != 'E' || decoded[1] != 'd') {
    return fail(Fault::data, "not a minisign public key: its algorithm is not Ed25519");
  }
  PublicKey key;
  Bytes rest = Bytes(decoded).subspan(2);
  take_bytes(rest, key.id);
  take_bytes(rest, key.key);
  // With such a key anybody can make signatures, and some match any file.
  if (has_small_order(key.key)) return fail(Fault::data, "no real public key: its point has a small order");
  return key;
}

std::string to_base64(const PublicKey& key) {
  std::vector<unsigned char> bytes{'E', 'd'};
  bytes.insert(bytes.end(), key.id.begin(), key.id.end());
  bytes.insert(bytes.end(), key.key.begin(), key.key.end());
  return encode_base64(bytes);
}

Result<PublicKey> parse_key_file(std::string_view content) {
  auto line = take_line(content);
  if (line && line->starts_with("untrusted comment:")) {
    if (line->size() > untrusted_comment_limit) {
      return fail(Fault::data, "the comment is longer than {} bytes", untrusted_comment_limit);
    }
    line = take_line(content);
  }
  if (!line) return fail(Fault::data, "the line with the key is missing");
  if (!content.empty()) return fail(Fault::data, "something follows the line with the key");
  return parse_key(*line);
}

}  // namespace starttls::minisign
