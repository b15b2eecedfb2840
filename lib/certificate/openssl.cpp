#include "certificate/openssl.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>

#include <array>

#include "base/text.h"

namespace starttls::certificate {
namespace {

const unsigned char* octets(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

// Decodes all bytes with d2i_...().
template <class Pointer, class T>
Pointer decode(T* (*read)(T**, const unsigned char**, long), std::string_view der) {
  const unsigned char* at = octets(der);
  Pointer object(read(nullptr, &at, static_cast<long>(der.size())));
  if (!object) ::ERR_clear_error();
  if (at != octets(der) + der.size()) return nullptr;
  return object;
}

KeyKind kind_of(const EVP_PKEY& key) {
  switch (EVP_PKEY_get_base_id(&key)) {
    case EVP_PKEY_RSA:
    case EVP_PKEY_RSA_PSS:
      return KeyKind::rsa;
    case EVP_PKEY_EC:
      return KeyKind::ec;
    case EVP_PKEY_ED25519:
      return KeyKind::ed25519;
    case EVP_PKEY_ED448:
      return KeyKind::ed448;
    case EVP_PKEY_DSA:
      return KeyKind::dsa;
    default:
      return KeyKind::other;
  }
}

// "P-256" for OpenSSL's "prime256v1"; its own name for curves that are not NIST's.
std::string curve_of(const EVP_PKEY& key) {
  std::array<char, 80> name{};
  if (EVP_PKEY_get_group_name(&key, name.data(), name.size(), nullptr) != 1) return {};
  const char* const of_nist = ::EC_curve_nid2nist(::OBJ_txt2nid(name.data()));
  return of_nist != nullptr ? of_nist : name.data();
}

}  // namespace

X509Stack::X509Stack(std::span<const X509Ptr> certificates) : stack_(sk_X509_new_null()) {
  for (const X509Ptr& each : certificates) sk_X509_push(stack_.get(), each.get());
}

X509Ptr parse_certificate(std::string_view der) {
  if (der.size() > max_der_size) return nullptr;
  return decode<X509Ptr>(&::d2i_X509, der);
}

KeyPtr parse_public_key(std::string_view der) {
  if (der.size() > max_der_size) return nullptr;
  return decode<KeyPtr>(&::d2i_PUBKEY, der);
}

std::vector<X509Ptr> parse_all(std::span<const Certificate> chain) {
  std::vector<X509Ptr> all;
  all.reserve(chain.size());
  for (const Certificate& each : chain) all.push_back(parse_certificate(each.der));
  return all;
}

BioPtr read_only_bio(std::string_view text) {
  return BioPtr(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

std::string take_error() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  const char* const words = code == 0 ? nullptr : ::ERR_reason_error_string(code);
  return words != nullptr ? printable(words) : "unknown error";
}

int refuse_passphrase(char*, int, int, void* was_asked) {
  if (was_asked != nullptr) *static_cast<bool*>(was_asked) = true;
  return -1;
}

Result<X509Ptr> next_certificate(BIO* text) {
  ::ERR_clear_error();
  X509Ptr certificate(::PEM_read_bio_X509_AUX(text, nullptr, &refuse_passphrase, nullptr));
  if (certificate) return certificate;
  const unsigned long last = ::ERR_peek_last_error();
  if (ERR_GET_LIB(last) == ERR_LIB_PEM && ERR_GET_REASON(last) == PEM_R_NO_START_LINE) {
    ::ERR_clear_error();
    return X509Ptr();
  }
  return fail(Fault::data, "malformed: {}", take_error());
}

PublicKey describe_key(const EVP_PKEY& key) {
  PublicKey described{.kind = kind_of(key), .bits = EVP_PKEY_get_bits(&key)};
  if (described.kind == KeyKind::ec) described.curve = curve_of(key);
  ::ERR_clear_error();
  return described;
}

}  // namespace starttls::certificate
