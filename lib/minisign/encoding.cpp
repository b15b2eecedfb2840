#include "minisign/encoding.h"

#include <openssl/evp.h>

#include <algorithm>
#include <vector>

namespace starttls::minisign {
namespace {

const unsigned char* as_bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

bool decode_base64(std::string_view text, std::span<unsigned char> out) {
  const std::size_t groups = (out.size() + 2) / 3;
  if (text.size() != groups * 4) return false;
  std::vector<unsigned char> decoded(groups * 3);
  if (::EVP_DecodeBlock(decoded.data(), as_bytes(text), static_cast<int>(text.size())) < 0) return false;
  // EVP_DecodeBlock accepts blanks, misplaced padding and stray bits. So the decoded bytes are encoded again
  // and must give the same text.
  if (encode_base64(Bytes(decoded).first(out.size())) != text) return false;
  std::copy_n(decoded.begin(), out.size(), out.begin());
  return true;
}

std::string encode_base64(Bytes bytes) {
  std::vector<unsigned char> encoded((bytes.size() + 2) / 3 * 4 + 1);  // with the zero that it writes
  const int size = ::EVP_EncodeBlock(encoded.data(), bytes.data(), static_cast<int>(bytes.size()));
  return {encoded.begin(), encoded.begin() + size};
}

std::optional<std::string_view> take_line(std::string_view& text) {
  if (text.empty()) return std::nullopt;
  const auto end = text.find('\n');
  std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace starttls::minisign
