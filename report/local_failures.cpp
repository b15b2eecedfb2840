#include "report/local_failures.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace starttls::report {
namespace {

using session::HandshakeFailure;
using tlsrpt::Explanation;

// All that reports say about a failure of the log.
struct Entry {
  HandshakeFailure failure;
  std::string_view result_type;
  std::string_view reason;  // for reports that we send
  // For our own administrator. None: the failure is the same as the result type, which has one.
  std::optional<Explanation> explanation;
};

constexpr std::string_view unspecific = "validation-failure";

constexpr std::array entries{
    Entry{HandshakeFailure::unknown_ca, "certificate-not-trusted",
          "the sending MTA does not trust who issued the certificate", std::nullopt},
    Entry{HandshakeFailure::certificate_expired, "certificate-expired",
          "the sending MTA found the certificate expired", std::nullopt},
    Entry{HandshakeFailure::bad_certificate, "certificate-host-mismatch",
          "the sending MTA refused the certificate, most likely for its names", std::nullopt},
    Entry{HandshakeFailure::certificate_refused, "certificate-not-trusted",
          "the sending MTA does not accept the certificate",
          Explanation{
              .meaning = "The sender refused our certificate and did not say why.",
              .cause =
                  "The certificate was revoked, is of a kind that the sender does not support, or breaks a "
                  "rule of its own.",
              .remedy =
                  "Check the certificate of the MX host from outside. Ask the sender's postmaster what it "
                  "does not accept."}},
    Entry{
        HandshakeFailure::no_shared_cipher, unspecific, "both sides have no cipher in common",
        Explanation{
            .meaning = "The sender and our MX host have no cipher, group or signature algorithm in common.",
            .cause = "The sender is very old, or our list of ciphers is too short; some old senders need an "
                     "RSA certificate.",
            .remedy = "Compare the cipher settings of the mail server with its defaults, and have an RSA "
                      "certificate beside an ECDSA one."}},
    Entry{
        HandshakeFailure::unsupported_protocol, unspecific, "both sides have no TLS version in common",
        Explanation{
            .meaning = "The sender and our MX host have no TLS version in common.",
            .cause = "The sender supports only TLS 1.0 or 1.1, which the mail server or its TLS library does "
                     "not allow; scanners try this, too.",
            .remedy =
                "Nothing if these are scanners. Otherwise ask the sender to upgrade; the mail may come in "
                "plaintext instead."}},
    Entry{
        HandshakeFailure::not_tls, unspecific, "the sending MTA sent something other than TLS after STARTTLS",
        Explanation{
            .meaning = "The client sent something other than TLS after STARTTLS.",
            .cause = "Scanners and broken clients; rarely a firewall between the sender and us that rewrites "
                     "SMTP.",
            .remedy = "Nothing, unless the client is a mail server that you know: then check firewalls and "
                      "proxies on the path."}},
    Entry{
        HandshakeFailure::lost_connection, unspecific, "the connection ended within the TLS handshake",
        Explanation{
            .meaning = "The connection ended within the TLS handshake.",
            .cause = "Scanners, a timeout, or a sender that rejected the handshake and closed the connection "
                     "without an alert.",
            .remedy =
                "If a mail server that you know does so repeatedly, ask its postmaster for its log of that "
                "time."}},
    Entry{
        HandshakeFailure::disconnected, unspecific,
        "the sending MTA disconnected after the handshake; it may have rejected the certificate",
        Explanation{
            .meaning = "The TLS handshake succeeded, then the sender disconnected without another command.",
            .cause =
                "The sender verifies certificates, as with DANE or MTA-STS, and rejected ours; or it only "
                "fetched the certificate, as monitoring does.",
            .remedy = "Check the certificate of the MX host against the MX name, the MTA-STS policy and the "
                      "TLSA records."}},
    Entry{HandshakeFailure::other, unspecific, "the TLS handshake failed",
          Explanation{.meaning = "The TLS handshake failed for another reason.",
                      .cause = "The mail server's log has the details.",
                      .remedy = "Look for the client's address in the mail server's log at that time."}},
};

const Entry& find_entry(HandshakeFailure failure) {
  const auto* const found = std::ranges::find(entries, failure, &Entry::failure);
  return found == entries.end() ? entries.back() : *found;
}

}  // namespace

std::string_view result_type(HandshakeFailure failure) {
  return find_entry(failure).result_type;
}

std::string failure_reason(HandshakeFailure failure) {
  const Entry& entry = find_entry(failure);
  const bool has_name = entry.failure != HandshakeFailure::other;
  return has_name ? fmt::format("{}: {}", to_string(failure), entry.reason) : std::string(entry.reason);
}

bool has_own_result_type(HandshakeFailure failure) {
  return !find_entry(failure).explanation;
}

std::string_view failure_name(HandshakeFailure failure) {
  return has_own_result_type(failure) ? result_type(failure) : to_string(failure);
}

const Explanation& explain_result_type(HandshakeFailure failure) {
  const Entry& entry = find_entry(failure);
  return entry.explanation ? *entry.explanation : tlsrpt::explain_result_type(entry.result_type);
}

const Explanation& explain_failure(std::string_view name) {
  const auto* const found = std::ranges::find_if(
      entries, [&](const Entry& entry) { return entry.explanation && to_string(entry.failure) == name; });
  return found == entries.end() ? tlsrpt::explain_result_type(name) : *found->explanation;
}

}  // namespace starttls::report
