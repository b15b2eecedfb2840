#include "certificate/digest.h"

#include <openssl/evp.h>

#include <array>

namespace starttls::certificate {
namespace {

std::string digest(std::string_view bytes, const EVP_MD* type) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> value{};
  unsigned int size = 0;
  if (::EVP_Digest(bytes.data(), bytes.size(), value.data(), &size, type, nullptr) != 1) return {};
  return {reinterpret_cast<const char*>(value.data()), size};
}

}  // namespace

std::string sha256(std::string_view bytes) {
  return digest(bytes, ::EVP_sha256());
}

std::string sha512(std::string_view bytes) {
  return digest(bytes, ::EVP_sha512());
}

}  // namespace starttls::certificate
