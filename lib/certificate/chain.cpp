#include "certificate/chain.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstdlib>

#include "base/enum_words.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"
#include "certificate/openssl.h"

namespace starttls::certificate {
namespace {

constexpr auto fault_words = enum_words<ChainFault>({{ChainFault::none, "none"},
                                                     {ChainFault::incomplete, "incomplete"},
                                                     {ChainFault::untrusted_root, "untrusted-root"},
                                                     {ChainFault::self_signed, "self-signed"},
                                                     {ChainFault::expired, "expired"},
                                                     {ChainFault::not_yet_valid, "not-yet-valid"},
                                                     {ChainFault::weak, "weak"},
                                                     {ChainFault::malformed, "malformed"},
                                                     {ChainFault::other, "other"}});

// SSL_CTX_set_security_level(3): 112 bits. Debian's default, and that of OpenSSL from 3.2 on.
constexpr int demanded_security_level = 2;

using ContextPtr = Owned<X509_STORE_CTX, &::X509_STORE_CTX_free>;

const char* or_default(const char* variable, const char* fallback) {
  const char* const set = std::getenv(variable);
  return set != nullptr ? set : fallback;
}

// OpenSSL reads them only when it needs them, and reports nothing where they are missing.
bool has_system_authorities() {
  std::error_code ignored;
  const auto file = or_default(::X509_get_default_cert_file_env(), ::X509_get_default_cert_file());
  if (std::filesystem::file_size(file, ignored) > 0 && !ignored) return true;
  const auto directory = or_default(::X509_get_default_cert_dir_env(), ::X509_get_default_cert_dir());
  return std::filesystem::is_directory(directory, ignored) &&
         !std::filesystem::is_empty(directory, ignored) && !ignored;
}

Result<void> add_system_authorities(X509_STORE& store) {
  if (!has_system_authorities()) {
    return fail(Fault::config, "the system has no certificate authorities in {}: install ca-certificates",
                or_default(::X509_get_default_cert_dir_env(), ::X509_get_default_cert_dir()));
  }
  if (::X509_STORE_set_default_paths(&store) != 1)
    return fail(Fault::config, "the system's certificate authorities cannot be read: {}", take_error());
  return {};
}

Result<void> add_authorities(X509_STORE& store, std::string_view pem) {
  const BioPtr bio = read_only_bio(pem);
  std::size_t count = 0;
  for (;; ++count) {
    const X509Ptr x509 = TRY(with_context(next_certificate(bio.get()), "certificate {}", count + 1));
    if (!x509) break;
    if (count >= max_pem_certificates)
      return fail(Fault::data, "more than {} certificates", max_pem_certificates);
    ::X509_STORE_add_cert(&store, x509.get());
  }
  if (count == 0) return fail(Fault::data, "holds no certificate in PEM");
  return {};
}

// How far up OpenSSL came from the server's certificate.
std::size_t built_length(X509_STORE_CTX& context) {
  const STACK_OF(X509)* const built = ::X509_STORE_CTX_get0_chain(&context);
  return built == nullptr ? 0 : static_cast<std::size_t>(std::max(sk_X509_num(built), 0));
}

ChainFault fault_of(int error, X509_STORE_CTX& context) {
  switch (error) {
    case X509_V_OK:
      return ChainFault::none;
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return ChainFault::self_signed;
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      return ChainFault::untrusted_root;
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
      return built_length(context) <= 1 ? ChainFault::incomplete : ChainFault::untrusted_root;
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return ChainFault::expired;
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return ChainFault::not_yet_valid;
    case X509_V_ERR_EE_KEY_TOO_SMALL:
    case X509_V_ERR_CA_KEY_TOO_SMALL:
    case X509_V_ERR_CA_MD_TOO_WEAK:
      return ChainFault::weak;
    case X509_V_ERR_CERT_SIGNATURE_FAILURE:
    case X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE:
    case X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY:
      return ChainFault::malformed;
    default:
      return ChainFault::other;
  }
}

// With the level of security that keys and signatures need.
ChainVerdict verify_at_level(int level, std::span<const X509Ptr> chain, X509_STORE& store, Time at) {
  const X509Stack intermediates(chain.subspan(1));
  const ContextPtr context(::X509_STORE_CTX_new());
  if (!context || ::X509_STORE_CTX_init(context.get(), &store, chain[0].get(), intermediates.get()) != 1)
    return {.fault = ChainFault::other, .reason = take_error()};
  X509_VERIFY_PARAM* const rules = ::X509_STORE_CTX_get0_param(context.get());
  ::X509_VERIFY_PARAM_set_time(rules, std::chrono::system_clock::to_time_t(at));
  ::X509_VERIFY_PARAM_set_auth_level(rules, level);
  ::X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_SSL_SERVER);
  const bool is_verified = ::X509_verify_cert(context.get()) == 1;
  const int error = ::X509_STORE_CTX_get_error(context.get());
  ::ERR_clear_error();
  if (is_verified) return {};
  ChainFault fault = fault_of(error, *context);
  if (fault == ChainFault::none) fault = ChainFault::other;  // out of memory
  return {.fault = fault,
          .reason = printable(::X509_verify_cert_error_string(error)),
          .depth = static_cast<std::size_t>(std::max(::X509_STORE_CTX_get_error_depth(context.get()), 0))};
}

bool is_issued_by(X509& issued, X509& issuer) {
  EVP_PKEY* const key = ::X509_get0_pubkey(&issuer);
  const bool is = ::X509_check_issued(&issuer, &issued) == X509_V_OK && key != nullptr &&
                  ::X509_verify(&issued, key) == 1;
  ::ERR_clear_error();
  return is;
}

}  // namespace

std::string_view to_string(ChainFault fault) {
  return fault_words.word(fault);
}

Result<Authorities> Authorities::load(const std::filesystem::path& ca_file) {
  StorePtr store(::X509_STORE_new());
  if (!store) return fail(Fault::internal, "OpenSSL: {}", take_error());
  if (ca_file.empty()) {
    TRY(add_system_authorities(*store));
  } else {
    const auto added = [&]() -> Result<void> {
      const std::string pem = TRY(read_file(ca_file, max_pem_size));
      return with_context(add_authorities(*store, pem), "{}", ca_file.string());
    }();
    if (!added) return fail(Fault::config, "the CA file cannot be used: {}", added.error().message);
  }
  return Authorities(std::shared_ptr<X509_STORE>(std::move(store)), ca_file.empty());
}

std::shared_ptr<x509_store_st> Authorities::copy_store() const {
  std::shared_ptr<X509_STORE> copy(::X509_STORE_new(), &::X509_STORE_free);
  if (!copy) return nullptr;
  const STACK_OF(X509_OBJECT)* const objects = ::X509_STORE_get0_objects(store_.get());
  for (int at = 0; at < sk_X509_OBJECT_num(objects); ++at) {
    X509* const certificate = ::X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, at));
    if (certificate != nullptr && ::X509_STORE_add_cert(copy.get(), certificate) != 1) return nullptr;
  }
  if (!of_system_) return copy;
  X509_LOOKUP* const directory = ::X509_STORE_add_lookup(copy.get(), ::X509_LOOKUP_hash_dir());
  if (directory == nullptr || ::X509_LOOKUP_add_dir(directory, nullptr, X509_FILETYPE_DEFAULT) != 1)
    return nullptr;
  return copy;
}

Authorities Authorities::of(std::span<const Certificate> certificates) {
  std::shared_ptr<X509_STORE> store(::X509_STORE_new(), &::X509_STORE_free);
  for (const X509Ptr& each : parse_all(certificates)) {
    if (store && each) ::X509_STORE_add_cert(store.get(), each.get());
  }
  return {std::move(store), false};
}

ChainVerdict verify(std::span<const Certificate> chain, const Authorities& authorities, Time at) {
  if (chain.empty()) return {.fault = ChainFault::malformed, .reason = "there is no certificate"};
  const auto parsed = parse_all(chain);
  for (std::size_t depth = 0; depth < parsed.size(); ++depth) {
    if (!parsed[depth])
      return {.fault = ChainFault::malformed, .reason = "not a certificate", .depth = depth};
  }
  // A weak chain may have a worse fault as well, which OpenSSL would not reach.
  ChainVerdict verdict = verify_at_level(0, parsed, *authorities.store(), at);
  if (verdict.fault != ChainFault::none) return verdict;
  return verify_at_level(demanded_security_level, parsed, *authorities.store(), at);
}

bool is_in_order(std::span<const Certificate> chain) {
  const auto parsed = parse_all(chain);
  for (std::size_t depth = 0; depth + 1 < parsed.size(); ++depth) {
    if (!parsed[depth] || !parsed[depth + 1] || !is_issued_by(*parsed[depth], *parsed[depth + 1]))
      return false;
  }
  return true;
}

}  // namespace starttls::certificate
