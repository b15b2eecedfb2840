// What the words of mail servers about outbound TLS mean: the tables behind outbound_parser.h.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "mtalog/outbound_handshake.h"

namespace starttls::mtalog::result_type {

// RFC 8460 section 4.3
inline constexpr std::string_view starttls_not_supported = "starttls-not-supported";
inline constexpr std::string_view host_mismatch = "certificate-host-mismatch";
inline constexpr std::string_view expired = "certificate-expired";
inline constexpr std::string_view not_trusted = "certificate-not-trusted";
inline constexpr std::string_view validation_failure = "validation-failure";
inline constexpr std::string_view tlsa_invalid = "tlsa-invalid";
inline constexpr std::string_view dnssec_invalid = "dnssec-invalid";
inline constexpr std::string_view dane_required = "dane-required";

// Why a certificate was not accepted.
std::string_view of_certificate(std::string_view reason, std::string_view otherwise);
// Postfix' text about a delivery, by its beginning; empty where it is not about TLS. `is_of_certificate`: the
// reason was logged before.
struct OfDelivery {
  std::string_view type;
  bool is_of_certificate = false;
};
std::optional<OfDelivery> of_delivery(std::string_view text);
// Why Postfix connects to no host of a domain whose policy demands DANE; empty for other reasons.
std::string_view of_dane(std::string_view reason);
// The message of a ruleset of Sendmail that checks one recipient (FEATURE(`sts'), the access map).
std::string_view of_recipient(std::string_view message);
// Postfix' "certificate_host_mismatch" as RFC 8460 writes it; validation-failure for what is no word.
std::string of_tlsrpt(std::string_view text);

}  // namespace starttls::mtalog::result_type

namespace starttls::mtalog {

// "Verified" and so on; none for another word.
std::optional<Protection> postfix_level(std::string_view word);
// The value of verify=.
Protection sendmail_level(std::string_view word);

}  // namespace starttls::mtalog
