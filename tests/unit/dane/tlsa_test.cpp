#include <openssl/evp.h>
#include <openssl/x509.h>

#include "dane/dane.h"
#include "support.h"

using namespace starttls;
using dane::TlsaStatus;
using dns::Tlsa;

namespace {

using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;

Key new_key() {
  return {EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), &EVP_PKEY_free};
}

template <class T>
std::string der_of(int (*encode)(const T*, unsigned char**), const T* thing) {
  unsigned char* der = nullptr;
  const int size = encode(thing, &der);
  std::string text(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return text;
}

std::string public_key() {
  return der_of<EVP_PKEY>(&i2d_PUBKEY, new_key().get());
}

std::string certificate() {
  const Key key = new_key();
  const std::unique_ptr<X509, decltype(&X509_free)> made(X509_new(), &X509_free);
  X509_set_pubkey(made.get(), key.get());
  X509_gmtime_adj(X509_getm_notBefore(made.get()), 0);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 60);
  X509_sign(made.get(), key.get(), nullptr);
  return der_of<X509>(&i2d_X509, made.get());
}

struct DaneResult {
  std::string why;
  Tlsa record;
  bool usable;
};

}  // namespace

TEST_CASE("some TLSA records can be used for SMTP") {
  const std::string sha256(32, 'x');
  const std::string sha512(64, 'x');
  const std::string key = public_key();
  const std::string cert = certificate();
  for (const DaneResult& verdict : std::vector<DaneResult>{
           {"DANE-EE, key, SHA2-256: what is recommended", {3, 1, 1, sha256}, true},
           {"DANE-TA, certificate, SHA2-256", {2, 0, 1, sha256}, true},
           {"DANE-EE, certificate, SHA2-512", {3, 0, 2, sha512}, true},
           {"DANE-TA, key, SHA2-512", {2, 1, 2, sha512}, true},
           {"a whole key", {3, 1, 0, key}, true},
           {"a whole certificate", {2, 0, 0, cert}, true},
           {"PKIX-TA is not for SMTP", {0, 1, 1, sha256}, false},
           {"nor is PKIX-EE", {1, 1, 1, sha256}, false},
           {"an unknown usage", {4, 1, 1, sha256}, false},
           {"a private one", {255, 1, 1, sha256}, false},
           {"an unknown selector", {3, 2, 1, sha256}, false},
           {"an unknown matching type", {3, 1, 3, sha256}, false},
           {"a digest that is too short", {3, 1, 1, sha256.substr(1)}, false},
           {"one that is too long", {3, 1, 1, sha256 + "x"}, false},
           {"SHA2-256 where the record says SHA2-512", {3, 1, 2, sha256}, false},
           {"SHA2-512 where the record says SHA2-256", {3, 1, 1, sha512}, false},
           {"no data", {3, 1, 1, ""}, false},
           {"no key at all", {3, 1, 0, ""}, false},
           {"a key that is none", {3, 1, 0, sha256}, false},
           {"a key where the record says a certificate", {3, 0, 0, key}, false},
           {"a certificate where the record says a key", {3, 1, 0, cert}, false},
           {"a key with something after it", {3, 1, 0, key + "x"}, false},
           {"a certificate that breaks off", {3, 0, 0, cert.substr(0, cert.size() - 1)}, false}}) {
    CAPTURE(verdict.why);
    CHECK(dane::tlsa_status(std::vector{verdict.record}) ==
          (verdict.usable ? TlsaStatus::usable : TlsaStatus::unusable));
  }
}

TEST_CASE("one usable record among others binds") {
  const Tlsa unusable{.usage = 1, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')};
  const Tlsa usable{.usage = 3, .selector = 1, .matching_type = 1, .data = std::string(32, 'x')};
  CHECK(dane::tlsa_status(std::vector{unusable, usable, unusable}) == TlsaStatus::usable);
  CHECK(dane::tlsa_status(std::vector{unusable, unusable}) == TlsaStatus::unusable);
}
