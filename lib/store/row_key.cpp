#include "store/row_key.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <iterator>

namespace starttls::store {

std::string row_key(std::span<const std::string_view> texts) {
  std::string all;
  // The length comes first, so that two different lists of texts never give the same result.
  for (const std::string_view text : texts)
    fmt::format_to(std::back_inserter(all), "{}:{},", text.size(), text);
  std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
  ::SHA256(reinterpret_cast<const unsigned char*>(all.data()), all.size(), digest.data());
  std::string key;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) key += '-';
    fmt::format_to(std::back_inserter(key), "{:02x}", digest[i]);
  }
  return key;
}

}  // namespace starttls::store
