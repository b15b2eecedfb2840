#include "certificate/tlsa.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <array>
#include <optional>

#include "base/text.h"
#include "certificate/digest.h"
#include "certificate/openssl.h"

namespace starttls::certificate {
namespace {

constexpr std::size_t sha2_256_size = 32;
constexpr std::size_t sha2_512_size = 64;

using ContextPtr = Owned<X509_STORE_CTX, &::X509_STORE_CTX_free>;
using TlsContextPtr = Owned<SSL_CTX, &::SSL_CTX_free>;
using TlsPtr = Owned<SSL, &::SSL_free>;

std::string matched_form(std::string_view selected, std::uint8_t matching_type) {
  switch (matching_type) {
    case full:
      return std::string(selected);
    case sha2_256:
      return sha256(selected);
    case sha2_512:
      return sha512(selected);
    default:
      return {};
  }
}

TlsaMatch no_match(std::string reason) {
  return {.matches = false, .reason = std::move(reason)};
}

TlsaMatch match_end_entity(const dns::Tlsa& record, const Certificate& server) {
  if (tlsa_data(server, record.selector, record.matching_type) == record.data) return {.matches = true};
  return no_match(record.selector == subject_public_key ? "the server has another key"
                                                        : "the server has another certificate");
}

// Verifies chains up to a trust anchor that a TLSA record names, with OpenSSL's own implementation of DANE,
// as Postfix does. OpenSSL keeps the records of a connection only, so each record gets a connection that is
// never made.
class AnchorMatcher {
 public:
  AnchorMatcher(std::span<const Certificate> chain, std::span<const std::string> base_names, Time at)
      : chain_(parse_all(chain)),
        base_names_(base_names),
        at_(at),
        tls_(::SSL_CTX_new(::TLS_client_method())),
        nothing_trusted_(::X509_STORE_new()) {
    sound_ = tls_ && nothing_trusted_ && ::SSL_CTX_dane_enable(tls_.get()) == 1;
    for (const X509Ptr& each : chain_) sound_ = sound_ && each;
  }

  TlsaMatch match(const dns::Tlsa& record) const {
    if (!sound_) return no_match("the chain cannot be read");
    if (base_names_.empty()) return no_match("there is no name to compare");
    const TlsPtr connection(::SSL_new(tls_.get()));
    if (!connection || ::SSL_dane_enable(connection.get(), base_names_[0].c_str()) != 1 ||
        ::SSL_dane_tlsa_add(connection.get(), record.usage, record.selector, record.matching_type,
                            reinterpret_cast<const unsigned char*>(record.data.data()),
                            record.data.size()) != 1) {
      return no_match("OpenSSL cannot use the record: " + take_error());
    }
    TlsaMatch found = verify(*connection);
    ::ERR_clear_error();
    return found;
  }

 private:
  TlsaMatch verify(SSL& connection) const {
    const X509Stack intermediates(std::span<const X509Ptr>(chain_).subspan(1));
    const ContextPtr context(::X509_STORE_CTX_new());
    if (!context || ::X509_STORE_CTX_init(context.get(), nothing_trusted_.get(), chain_[0].get(),
                                          intermediates.get()) != 1) {
      return no_match(take_error());
    }
    ::X509_STORE_CTX_set_default(context.get(), "ssl_server");
    X509_VERIFY_PARAM* const rules = ::X509_STORE_CTX_get0_param(context.get());
    ::X509_VERIFY_PARAM_set_time(rules, std::chrono::system_clock::to_time_t(at_));
    ::X509_VERIFY_PARAM_set_auth_level(rules, 0);
    ::X509_VERIFY_PARAM_set_hostflags(rules, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
    for (const std::string& name : base_names_)
      ::X509_VERIFY_PARAM_add1_host(rules, name.c_str(), name.size());
    ::X509_STORE_CTX_set0_dane(context.get(), ::SSL_get0_dane(&connection));
    if (::X509_verify_cert(context.get()) == 1) return {.matches = true};
    return no_match(reason_of(::X509_STORE_CTX_get_error(context.get())));
  }

  static std::string reason_of(int error) {
    // Nothing is trusted but the record, so that OpenSSL reports a missing root where no certificate matches.
    switch (error) {
      case X509_V_ERR_DANE_NO_MATCH:
      case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
      case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
      case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
        return "no authority in the server's chain is the one of the record";
      case X509_V_ERR_HOSTNAME_MISMATCH:
        return "the authority matches, but the server's certificate is for another name";
      default:
        return "the chain to the authority is not valid: " +
               printable(::X509_verify_cert_error_string(error));
    }
  }

  std::vector<X509Ptr> chain_;
  std::span<const std::string> base_names_;
  Time at_;
  TlsContextPtr tls_;
  StorePtr nothing_trusted_;
  bool sound_ = false;
};

}  // namespace

bool is_usable(const dns::Tlsa& record) {
  // RFC 7672 section 3.1.3: PKIX-TA(0) and PKIX-EE(1) are not for SMTP.
  if (record.usage != dane_ta && record.usage != dane_ee) return false;
  if (record.selector != full_certificate && record.selector != subject_public_key) return false;
  switch (record.matching_type) {
    case full:
      return record.selector == full_certificate ? parse_certificate(record.data) != nullptr
                                                 : parse_public_key(record.data) != nullptr;
    case sha2_256:
      return record.data.size() == sha2_256_size;
    case sha2_512:
      return record.data.size() == sha2_512_size;
    default:
      return false;
  }
}

std::string tlsa_data(const Certificate& certificate, std::uint8_t selector, std::uint8_t matching_type) {
  switch (selector) {
    case full_certificate:
      return matched_form(certificate.der, matching_type);
    case subject_public_key:
      return tlsa_data_of_key(certificate.public_key, matching_type);
    default:
      return {};
  }
}

std::string tlsa_data_of_key(std::string_view public_key, std::uint8_t matching_type) {
  return matched_form(public_key, matching_type);
}

std::vector<TlsaMatch> match_tlsa(std::span<const dns::Tlsa> records, std::span<const Certificate> chain,
                                  std::span<const std::string> base_names, Time at) {
  std::vector<TlsaMatch> found;
  std::optional<AnchorMatcher> anchors;  // the costly one, made when it is needed
  for (const dns::Tlsa& record : records) {
    if (found.size() >= max_matched_records) {
      found.push_back(no_match("there are more than 100 records"));
    } else if (chain.empty()) {
      found.push_back(no_match("the server sent no certificate"));
    } else if (!is_usable(record)) {
      found.push_back(no_match("mail servers cannot use the record"));
    } else if (record.usage == dane_ee) {
      found.push_back(match_end_entity(record, chain[0]));
    } else {
      if (!anchors) anchors.emplace(chain, base_names, at);
      found.push_back(anchors->match(record));
    }
  }
  return found;
}

}  // namespace starttls::certificate
