// What this component and lib/smtp share of OpenSSL.
#pragma once

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "certificate/key.h"

namespace starttls::certificate {

template <auto free>
struct Freed {
  template <class T>
  void operator()(T* object) const {
    free(object);
  }
};
template <class T, auto free>
using Owned = std::unique_ptr<T, Freed<free>>;

using X509Ptr = Owned<X509, &::X509_free>;
using KeyPtr = Owned<EVP_PKEY, &::EVP_PKEY_free>;
using BioPtr = Owned<BIO, &::BIO_free_all>;
using StorePtr = Owned<X509_STORE, &::X509_STORE_free>;

// As OPENSSL_free(), which would write the path of this file into the program.
inline void free_bytes(unsigned char* bytes) {
  ::CRYPTO_free(bytes, "", 0);
}
using BytesPtr = Owned<unsigned char, &free_bytes>;

// Certificates for OpenSSL, which owns none of them.
class X509Stack {
 public:
  explicit X509Stack(std::span<const X509Ptr> certificates);
  STACK_OF(X509) * get() const { return stack_.get(); }

 private:
  struct Free {
    void operator()(STACK_OF(X509) * stack) const { sk_X509_free(stack); }
  };
  std::unique_ptr<STACK_OF(X509), Free> stack_;
};

// Null where the bytes are not one whole certificate, or one whole SubjectPublicKeyInfo.
X509Ptr parse_certificate(std::string_view der);
KeyPtr parse_public_key(std::string_view der);

// Null for certificates that were not made by read_der() or read_pem().
std::vector<X509Ptr> parse_all(std::span<const Certificate> chain);

// Text in memory, which must outlive it.
BioPtr read_only_bio(std::string_view text);

// OpenSSL's earliest error in this thread, in its own words; clears all. "unknown error" where there is none.
std::string take_error();

// "": never asks for a passphrase on the terminal. `was_asked`, a bool, becomes true.
int refuse_passphrase(char*, int, int, void* was_asked);

// The next certificate of a text in PEM; null at the end. Fault::data where it is malformed.
Result<X509Ptr> next_certificate(BIO* text);

// What OpenSSL's encoder i2d_...() makes of an object; "" where it fails.
template <class T>
std::string to_der(int (*encode)(T*, unsigned char**), T* object) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  const BytesPtr held(bytes);
  return size <= 0 ? std::string()
                   : std::string(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
}

// Everything but the DER.
PublicKey describe_key(const EVP_PKEY& key);

}  // namespace starttls::certificate
