// Whether a chain of certificates leads to a trusted authority (RFC 5280 section 6), as OpenSSL's
// X509_verify_cert(3) says. Names are not checked: see matches() in certificate.h.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "certificate/certificate.h"

struct x509_store_st;

namespace starttls::certificate {

// Trusted certificates. Copies share them. They may be used by several threads.
class Authorities {
 public:
  // Those of a file in PEM; "": those of the system. Fault::config where they cannot be read, or where there
  // is none.
  static Result<Authorities> load(const std::filesystem::path& ca_file);

  // These certificates.
  static Authorities of(std::span<const Certificate> certificates);

  x509_store_st* store() const { return store_.get(); }

  // A store of the same certificates, which are shared, for a library that changes its flags. Null where there is no
  // memory.
  std::shared_ptr<x509_store_st> copy_store() const;

 private:
  Authorities(std::shared_ptr<x509_store_st> store, bool of_system)
      : store_(std::move(store)), of_system_(of_system) {}

  std::shared_ptr<x509_store_st> store_;
  bool of_system_;  // those in the system's directory are read when they are needed
};

enum class ChainFault {
  none,
  // The issuer of the server's own certificate was not sent and is not trusted. Mostly the server does not
  // send its intermediate certificates; else its authority is a private one.
  incomplete,
  // The chain ends in a root, or in an intermediate certificate, whose issuer is not trusted. Servers need
  // not send the root itself (RFC 5246 section 7.4.2).
  untrusted_root,
  self_signed,    // the server's certificate is its own root, and not trusted
  expired,        // a certificate of the chain
  not_yet_valid,  // a certificate of the chain
  weak,  // trusted but for a key or a signature below 112 bits: RSA of 1024 bits, SHA-1 (security level 2)
  malformed,  // there is no certificate, or a signature does not fit
  other,      // see the reason: another purpose, a broken constraint, ...
};

// "none", "incomplete", "untrusted-root", ...
std::string_view to_string(ChainFault fault);

struct ChainVerdict {
  ChainFault fault = ChainFault::none;
  std::string reason;     // OpenSSL's words: "certificate has expired"; "" without a fault
  std::size_t depth = 0;  // of the certificate with the fault; 0 is the server's own
};

// Verifies the first certificate for a server (serverAuth) at a time, with the others as intermediates that
// may be of use, in any order.
ChainVerdict verify(std::span<const Certificate> chain, const Authorities& authorities, Time at);

// Whether each certificate is issued by the next one, as RFC 5246 section 7.4.2 demands and RFC 8446 section
// 4.4.2 recommends. True for one certificate alone.
bool is_in_order(std::span<const Certificate> chain);

}  // namespace starttls::certificate
