#include "minisign/key.h"

#include <algorithm>
#include <ranges>

#include "minisign/encoding.h"

namespace starttls::minisign {

std::string to_text(const KeyId& id) {
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
  return key;
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
