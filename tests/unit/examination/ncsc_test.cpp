#include "examination/ncsc.h"

#include "support.h"

using namespace starttls;
using namespace starttls::examination;

TEST_CASE("versions of TLS") {
  CHECK(rate_version("TLSv1.3") == Rating::good);
  CHECK(rate_version("TLSv1.2") == Rating::sufficient);
  for (const char* const old : {"TLSv1.1", "TLSv1", "SSLv3", ""})
    CHECK(rate_version(old) == Rating::insufficient);
}

TEST_CASE("cipher suites") {
  struct Row {
    Rating rating;
    std::vector<const char*> suites;
  };
  const std::vector<Row> rows{
      {Rating::good, {"TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}},
      {Rating::sufficient,
       {"TLS_AES_128_GCM_SHA256", "TLS_AES_128_CCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        "TLS_ECDHE_ECDSA_WITH_AES_256_CCM"}},
      {Rating::phase_out,
       {"TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA384",
        "TLS_ECDHE_RSA_WITH_CAMELLIA_128_CBC_SHA256", "TLS_ECDHE_RSA_WITH_ARIA_256_GCM_SHA384",
        "TLS_DHE_RSA_WITH_AES_256_GCM_SHA384", "TLS_DHE_RSA_WITH_AES_128_CBC_SHA"}},
      {Rating::insufficient,
       {"TLS_AES_128_CCM_8_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_CCM_8",
        "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "TLS_RSA_WITH_AES_256_GCM_SHA384",
        "TLS_ECDH_anon_WITH_AES_128_CBC_SHA", "TLS_DH_anon_WITH_AES_128_GCM_SHA256",
        "TLS_DHE_RSA_WITH_3DES_EDE_CBC_SHA", "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "TLS_RSA_WITH_NULL_SHA256",
        "TLS_DHE_RSA_EXPORT_WITH_DES40_CBC_SHA", "TLS_SHA256_SHA256", ""}},
  };
  for (const Row& row : rows) {
    for (const char* const suite : row.suites) {
      INFO(suite);
      CHECK(rate_suite(suite) == row.rating);
    }
  }
}

TEST_CASE("groups of the key exchange") {
  for (const char* const good :
       {"X25519", "x25519", "X448", "secp256r1", "prime256v1", "P-384", "secp521r1", "brainpoolP256r1",
        "brainpoolP512r1tls13", "X25519MLKEM768", "SecP256r1MLKEM768"}) {
    INFO(good);
    CHECK(rate_group(good, 256) == Rating::good);
  }
  CHECK(rate_group("ffdhe2048", 2048) == Rating::phase_out);
  CHECK(rate_group("DH", 3072) == Rating::phase_out);
  CHECK(rate_group("DH", 2047) == Rating::insufficient);
  CHECK(rate_group("secp224r1", 224) == Rating::insufficient);
  CHECK(rate_group("brainpoolP160r1", 160) == Rating::insufficient);
  CHECK(rate_group("MLKEM512", 0) == Rating::insufficient);
}

TEST_CASE("keys of certificates") {
  using certificate::KeyKind;
  const auto rate = [](KeyKind kind, int bits, std::string curve = {}) {
    return rate_key({.key = kind, .key_bits = bits, .curve = std::move(curve)});
  };
  CHECK(rate(KeyKind::rsa, 4096) == Rating::good);
  CHECK(rate(KeyKind::rsa, 3072) == Rating::good);
  CHECK(rate(KeyKind::rsa, 3071) == Rating::phase_out);
  CHECK(rate(KeyKind::rsa, 2048) == Rating::phase_out);
  CHECK(rate(KeyKind::rsa, 2047) == Rating::insufficient);
  CHECK(rate(KeyKind::ec, 256, "P-256") == Rating::good);
  CHECK(rate(KeyKind::ec, 384, "brainpoolP384r1") == Rating::good);
  CHECK(rate(KeyKind::ec, 224, "P-224") == Rating::insufficient);
  CHECK(rate(KeyKind::ec, 256, "") == Rating::insufficient);
  CHECK(rate(KeyKind::ed25519, 253) == Rating::good);
  CHECK(rate(KeyKind::ed448, 448) == Rating::good);
  CHECK(rate(KeyKind::dsa, 3072) == Rating::insufficient);
  CHECK(rate(KeyKind::other, 0) == Rating::insufficient);
}

TEST_CASE("hashes of signatures") {
  for (const char* const good : {"SHA256", "SHA384", "SHA512", "SHA224", ""})
    CHECK(rate_hash(good) == Rating::good);
  for (const char* const bad : {"SHA1", "sha1", "MD5", "MD5-SHA1"})
    CHECK(rate_hash(bad) == Rating::insufficient);
}
