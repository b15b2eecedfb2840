// X.509 certificates (RFC 5280) as plain values, read with OpenSSL. Nothing here trusts or verifies a
// certificate: see chain.h and tlsa.h.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::certificate {

// Limits of what is read. The largest chains that servers send have some 20 KiB.
inline constexpr std::size_t max_der_size = std::size_t{128} << 10U;  // bytes of one certificate
inline constexpr std::size_t max_pem_size = std::size_t{16} << 20U;   // bytes of a text in PEM
inline constexpr std::size_t max_pem_certificates = 2'000;            // in a text in PEM
inline constexpr std::size_t max_names = 2'000;    // of one certificate; further ones are ignored
inline constexpr std::size_t max_name_size = 500;  // bytes of a subject or issuer; the rest is cut

enum class KeyKind { rsa, ec, ed25519, ed448, dsa, other };

// "RSA", "EC", "Ed25519", "Ed448", "DSA"; "" for other.
std::string_view to_string(KeyKind kind);

struct Certificate {
  // Distinguished names as RFC 4514 writes them: "CN=mx.example.org,O=Example". "" where the name is empty.
  // Fit for a terminal: what could disturb one is escaped as \NN, as that RFC allows.
  std::string subject;
  std::string issuer;
  std::string common_name;  // of the subject, fit for a terminal; "" without one, and where it has a NUL
  std::vector<std::string> names;  // dNSName of subjectAltName, lower case, without those of has_bad_name
  // Whether a dNSName has a NUL or another byte that is not of a host name. Such names never match.
  bool has_bad_name = false;
  Time not_before;
  Time not_after;
  KeyKind key = KeyKind::other;
  int key_bits = 0;             // 0 where OpenSSL does not know the key's algorithm
  std::string curve;            // of an elliptic-curve key: "P-256", "brainpoolP256r1"; "" for other keys
  std::string signature_hash;   // "SHA1", "SHA256"; "" where the algorithm has none of its own (Ed25519)
  bool is_ca = false;           // basicConstraints, RFC 5280 section 4.2.1.9
  bool is_self_signed = false;  // its own key verifies it
  std::string serial;           // hexadecimal, lower case, without separators
  std::string public_key;       // SubjectPublicKeyInfo in DER, bytes
  std::string der;              // the whole, bytes
};

// One certificate and nothing else. Fault::data.
Result<Certificate> read_der(std::string_view der);

// All certificates of a text in PEM (RFC 7468), in their order. Blocks of other kinds, such as keys, and text
// between blocks are ignored. Fault::data where one is malformed, where there is none, and beyond the limits.
Result<std::vector<Certificate>> read_pem(std::string_view text);

// Whether the certificate is for this host, by its names alone (RFC 6125 section 6.4, as RFC 8461 section 4.1
// and HTTPS demand it): the common name is ignored, and "*" stands for the whole left-most label only.
// "*.org" matches nothing. `host` is in the form of DomainName.
bool matches(const Certificate& certificate, std::string_view host);

}  // namespace starttls::certificate
