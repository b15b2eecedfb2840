// Certificates that a test makes itself, with OpenSSL.
//
//     const Issued root = issue({.name = "Root", .is_ca = true});
//     const Issued server = issue({.name = "mx.example.test", .names = {"mx.example.test"}}, &root);
//     server.der, server.pem(), server.key_pem()
#pragma once

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "support.h"

namespace starttls::test {

inline const Time made_at = at("2026-11-22T12:00:00Z");

struct Wanted {
  std::string name;                // common name
  std::vector<std::string> names;  // dNSName, any bytes
  bool is_ca = false;
  std::string key = "P-256";  // or "RSA 2048", "ED25519", ...
  const EVP_MD* hash = EVP_sha256();
  Time not_before = made_at - std::chrono::days(30);
  Time not_after = made_at + std::chrono::days(30);
  std::string purpose;  // extendedKeyUsage
};

using TestKey = std::shared_ptr<EVP_PKEY>;

inline TestKey new_key(const std::string& kind) {
  EVP_PKEY* key =
      kind.starts_with("RSA ") ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::stoul(kind.substr(4)))
      : kind == "ED25519" || kind == "ED448" ? EVP_PKEY_Q_keygen(nullptr, nullptr, kind.c_str())
                                             : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", kind.c_str());
  REQUIRE(key != nullptr);
  return {key, &EVP_PKEY_free};
}

inline std::string take_text(BIO* bio) {
  char* text = nullptr;
  const long size = BIO_get_mem_data(bio, &text);
  std::string taken(text, static_cast<std::size_t>(size));
  BIO_free(bio);
  return taken;
}

struct Issued {
  std::shared_ptr<X509> x509;
  TestKey key;
  std::string der;

  std::string pem() const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_X509(bio, x509.get());
    return take_text(bio);
  }
  // With a passphrase, encrypted.
  std::string key_pem(const std::string& passphrase = "") const {
    BIO* bio = BIO_new(BIO_s_mem());
    PEM_write_bio_PrivateKey(bio, key.get(), passphrase.empty() ? nullptr : EVP_aes_256_cbc(),
                             reinterpret_cast<const unsigned char*>(passphrase.data()),
                             static_cast<int>(passphrase.size()), nullptr, nullptr);
    return take_text(bio);
  }
};

inline void add_extension(X509* to, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, to, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str());
  REQUIRE(extension != nullptr);
  X509_add_ext(to, extension, -1);
  X509_EXTENSION_free(extension);
}

inline void add_names(X509* to, const std::vector<std::string>& names) {
  if (names.empty()) return;
  GENERAL_NAMES* all = GENERAL_NAMES_new();
  for (const std::string& name : names) {
    ASN1_IA5STRING* text = ASN1_IA5STRING_new();
    ASN1_STRING_set(text, name.data(), static_cast<int>(name.size()));
    GENERAL_NAME* general = GENERAL_NAME_new();
    GENERAL_NAME_set0_value(general, GEN_DNS, text);
    sk_GENERAL_NAME_push(all, general);
  }
  X509_add1_ext_i2d(to, NID_subject_alt_name, all, 0, X509V3_ADD_DEFAULT);
  GENERAL_NAMES_free(all);
}

inline void set_time(ASN1_TIME* into, Time time) {
  ASN1_TIME_set(into, std::chrono::system_clock::to_time_t(time));
}

// Without an issuer, self-signed.
inline Issued issue(const Wanted& wanted, const Issued* issuer = nullptr) {
  static std::uint64_t serial = 0x1000;
  const Issued made{{X509_new(), &X509_free}, new_key(wanted.key), {}};
  X509* const x509 = made.x509.get();
  X509_set_version(x509, X509_VERSION_3);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), ++serial);
  if (!wanted.name.empty()) {
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x509), "CN", MBSTRING_UTF8,
                               reinterpret_cast<const unsigned char*>(wanted.name.data()),
                               static_cast<int>(wanted.name.size()), -1, 0);
  }
  X509_set_issuer_name(x509, X509_get_subject_name(issuer != nullptr ? issuer->x509.get() : x509));
  set_time(X509_getm_notBefore(x509), wanted.not_before);
  set_time(X509_getm_notAfter(x509), wanted.not_after);
  X509_set_pubkey(x509, made.key.get());
  X509* const signer = issuer != nullptr ? issuer->x509.get() : x509;
  add_extension(x509, signer, NID_basic_constraints, wanted.is_ca ? "critical,CA:TRUE" : "CA:FALSE");
  add_extension(x509, signer, NID_subject_key_identifier, "hash");
  if (!wanted.purpose.empty()) add_extension(x509, signer, NID_ext_key_usage, wanted.purpose);
  add_names(x509, wanted.names);
  const bool has_own_hash = wanted.key == "ED25519" || wanted.key == "ED448";
  REQUIRE(X509_sign(x509, issuer != nullptr ? issuer->key.get() : made.key.get(),
                    has_own_hash && issuer == nullptr ? nullptr : wanted.hash) > 0);
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(x509, &bytes);
  Issued done = made;
  done.der.assign(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return done;
}

}  // namespace starttls::test
