#include "store/row_key.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <algorithm>
#include <array>
#include <iterator>

namespace starttls::store {

RowDigest row_digest(std::span<const std::string_view> texts) {
  std::string all;
  // The length comes first, so that two different lists of texts never give the same result.
  for (const std::string_view text : texts)
    fmt::format_to(std::back_inserter(all), "{}:{},", text.size(), text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> whole{};
  ::SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), whole.data());
  RowDigest digest{};
  std::copy_n(whole.begin(), digest.size(), digest.begin());
  return digest;
}

std::string to_row_key(const RowDigest& digest) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string key;
  key.reserve(36);
  for (std::size_t i = 0; i < digest.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) key += '-';
    key += digits[digest[i] >> 4];
    key += digits[digest[i] & 15];
  }
  return key;
}

}  // namespace starttls::store
