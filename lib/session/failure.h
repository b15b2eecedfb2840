// Why a TLS handshake with us failed: only the log of the mail server has it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"

namespace starttls::session {

// The alerts are those of RFC 8446 section 6.2, as the client sent them.
enum class HandshakeFailure {
  none,
  unknown_ca,            // alert 48: the client does not trust who issued our certificate
  certificate_expired,   // alert 45
  bad_certificate,       // alert 42: what OpenSSL and others send where the name does not match
  certificate_refused,   // alerts 43, 44 and 46: revoked, of an unsupported kind, or not acceptable
  no_shared_cipher,      // client and server have no cipher in common
  unsupported_protocol,  // the client supports only versions that we do not allow, or the reverse
  not_tls,               // the bytes after STARTTLS were no TLS
  lost_connection,       // the connection ended within the handshake
  disconnected,          // the handshake succeeded; then the client sent no other command
  other,
};

// "none", "unknown-ca", "certificate-expired", "bad-certificate", "certificate-refused", "no-shared-cipher",
// "unsupported-protocol", "not-tls", "lost-connection", "disconnected", "other"; Fault::data on another word.
std::string_view to_string(HandshakeFailure failure);
Result<HandshakeFailure> parse_handshake_failure(std::string_view text);

// One failure, as the log has it.
struct LoggedFailure {
  Time time;  // of the line that ended it; cut to what the log has, often a second
  std::string client_address;
  HandshakeFailure failure = HandshakeFailure::other;
  // Which service of the mail server it was: Postfix' syslog_name, Sendmail's name of the daemon; at most 100
  // bytes, made printable.
  std::string service;
  std::optional<Time> begin;  // of the first line about the session; none: it was before reading began
  bool implicit_tls = false;  // TLS was to begin at once; known for Postfix only

  bool operator==(const LoggedFailure&) const = default;
};

// How far a log was read. Only mtalog reads `text`; of two positions the one with the greater number is
// further.
struct LogPosition {
  std::uint64_t number = 0;
  std::string text;  // valid UTF-8, at most 4096 bytes

  bool operator==(const LogPosition&) const = default;
};

}  // namespace starttls::session
