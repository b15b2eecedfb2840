#include "store/class_key.h"

#include <fmt/format.h>
#include <openssl/sha.h>

#include <array>
#include <iterator>
#include <string_view>

namespace starttls::store {
namespace {

// Appends the length first, so that two different lists of texts never give the same result.
void append(std::string& all, std::string_view text) {
  fmt::format_to(std::back_inserter(all), "{}:{},", text.size(), text);
}

}  // namespace

std::string class_key(const SessionClass& of) {
  std::string all;
  append(all, of.receiving_mx);
  append(all, of.client_address);
  append(all, of.client_name);
  append(all, to_string(of.outcome));
  append(all, of.tls_version);
  append(all, of.cipher);
  append(all, std::to_string(of.cipher_bits));
  append(all, to_string(of.client_certificate));
  append(all, to_string(of.failure));
  append(all, of.downgraded ? "1" : "0");
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
