#include "examination/ncsc.h"

#include <algorithm>
#include <array>
#include <string>

#include "base/text.h"

namespace starttls::examination {
namespace {

constexpr int min_dh_bits = 2048;
constexpr int min_rsa_bits = 2048;
constexpr int good_rsa_bits = 3072;

bool has_any(std::string_view text, std::initializer_list<std::string_view> parts) {
  return std::ranges::any_of(parts, [text](std::string_view part) { return text.contains(part); });
}

// Broken, whatever the key exchange is.
bool is_weak(std::string_view suite) {
  return has_any(suite, {"_NULL", "_anon_", "_EXPORT_", "_RC4_", "_RC2_", "_DES_", "_3DES_", "_DES40_",
                         "_IDEA_", "_SEED_", "_CCM_8", "_MD5"});
}

bool is_tls13(std::string_view suite) {
  return !suite.contains("_WITH_");
}

Rating rate_ecdhe(std::string_view suite) {
  if (has_any(suite, {"_CAMELLIA_", "_ARIA_"})) return Rating::phase_out;
  if (has_any(suite, {"_GCM_", "_CCM", "_CHACHA20_"})) return Rating::sufficient;
  if (suite.contains("_CBC_") && has_any(suite, {"_SHA256", "_SHA384"})) return Rating::phase_out;
  return Rating::insufficient;
}

// By their names in TLS and in OpenSSL.
bool is_good_curve(std::string_view curve) {
  static constexpr std::array<std::string_view, 11> good{"p-256",      "p-384",     "p-521",     "secp256r1",
                                                         "prime256v1", "secp384r1", "secp521r1", "x25519",
                                                         "x448",       "ed25519",   "ed448"};
  const std::string lower = to_lower(curve);
  if (lower.starts_with("brainpool"))
    return lower.contains("256") || lower.contains("384") || lower.contains("512");
  return std::ranges::find(good, lower) != good.end();
}

// A hybrid of one of the good curves and ML-KEM is at least as strong as the curve.
bool is_hybrid(std::string_view group) {
  const std::string lower = to_lower(group);
  return lower.contains("mlkem") &&
         has_any(lower, {"x25519", "x448", "secp256r1", "secp384r1", "p256", "p384"});
}

}  // namespace

Rating rate_version(std::string_view version) {
  if (version == "TLSv1.3") return Rating::good;
  return version == "TLSv1.2" ? Rating::sufficient : Rating::insufficient;
}

Rating rate_suite(std::string_view suite) {
  if (is_weak(suite)) return Rating::insufficient;
  if (is_tls13(suite)) {
    if (has_any(suite, {"_AES_256_GCM_", "_CHACHA20_"})) return Rating::good;
    return has_any(suite, {"_AES_128_GCM_", "_AES_128_CCM_"}) ? Rating::sufficient : Rating::insufficient;
  }
  if (has_any(suite, {"TLS_ECDHE_RSA_", "TLS_ECDHE_ECDSA_"})) return rate_ecdhe(suite);
  if (has_any(suite, {"TLS_DHE_RSA_", "TLS_DHE_DSS_"})) return Rating::phase_out;
  return Rating::insufficient;
}

Rating rate_group(std::string_view group, int bits) {
  if (is_good_curve(group) || is_hybrid(group)) return Rating::good;
  const std::string lower = to_lower(group);
  const bool is_finite_field = lower.starts_with("ffdhe") || lower == "dh" || lower == "dhe";
  return is_finite_field && bits >= min_dh_bits ? Rating::phase_out : Rating::insufficient;
}

Rating rate_key(const certificate::Certificate& certificate) {
  using certificate::KeyKind;
  switch (certificate.key) {
    case KeyKind::rsa:
      if (certificate.key_bits >= good_rsa_bits) return Rating::good;
      return certificate.key_bits >= min_rsa_bits ? Rating::phase_out : Rating::insufficient;
    case KeyKind::ec:
      return is_good_curve(certificate.curve) ? Rating::good : Rating::insufficient;
    case KeyKind::ed25519:
    case KeyKind::ed448:
      return Rating::good;
    case KeyKind::dsa:
    case KeyKind::other:
      return Rating::insufficient;
  }
  return Rating::insufficient;
}

Rating rate_hash(std::string_view hash) {
  static constexpr std::array<std::string_view, 5> weak{"MD2", "MD4", "MD5", "MD5-SHA1", "SHA1"};
  std::string name(hash);
  std::ranges::transform(name, name.begin(),
                         [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
  return std::ranges::find(weak, name) == weak.end() ? Rating::good : Rating::insufficient;
}

}  // namespace starttls::examination
