#include "minisign/encoding.h"

#include <openssl/evp.h>

#include <algorithm>
#include <string>
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
  std::vector<unsigned char> again(text.size() + 1);
  ::EVP_EncodeBlock(again.data(), decoded.data(), static_cast<int>(out.size()));
  if (!std::equal(text.begin(), text.end(), again.begin(),
                  [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; })) {
    return false;
  }
  std::copy_n(decoded.begin(), out.size(), out.begin());
  return true;
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
