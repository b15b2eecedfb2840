#include <openssl/evp.h>
#include <openssl/x509.h>

#include <algorithm>
#include <memory>

#include "dane/dane.h"

namespace starttls::dane {
namespace {

// RFC 6698 section 7, with the names of RFC 7218.
enum Usage : std::uint8_t { dane_ta = 2, dane_ee = 3 };
enum Selector : std::uint8_t { certificate = 0, public_key = 1 };
enum MatchingType : std::uint8_t { full = 0, sha2_256 = 1, sha2_512 = 2 };

constexpr std::size_t sha2_256_size = 32;
constexpr std::size_t sha2_512_size = 64;

const unsigned char* octets(const std::string& data) {
  return reinterpret_cast<const unsigned char*>(data.data());
}

bool is_certificate(const std::string& der) {
  const unsigned char* at = octets(der);
  const std::unique_ptr<X509, decltype(&X509_free)> read(
      d2i_X509(nullptr, &at, static_cast<long>(der.size())), &X509_free);
  return read && at == octets(der) + der.size();
}

bool is_public_key(const std::string& der) {
  const unsigned char* at = octets(der);
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> read(
      d2i_PUBKEY(nullptr, &at, static_cast<long>(der.size())), &EVP_PKEY_free);
  return read && at == octets(der) + der.size();
}

bool is_usable(const dns::Tlsa& record) {
  // RFC 7672 section 3.1.3: PKIX-TA(0) and PKIX-EE(1) are not for SMTP.
  if (record.usage != dane_ta && record.usage != dane_ee) return false;
  if (record.selector != certificate && record.selector != public_key) return false;
  switch (record.matching_type) {
    case full:
      return record.selector == certificate ? is_certificate(record.data) : is_public_key(record.data);
    case sha2_256:
      return record.data.size() == sha2_256_size;
    case sha2_512:
      return record.data.size() == sha2_512_size;
    default:
      return false;
  }
}

}  // namespace

TlsaStatus tlsa_status(std::span<const dns::Tlsa> records) {
  return std::ranges::any_of(records, is_usable) ? TlsaStatus::usable : TlsaStatus::unusable;
}

}  // namespace starttls::dane
