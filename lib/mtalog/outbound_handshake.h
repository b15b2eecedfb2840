// How the TLS handshake of one connection to another mail server ended, as the mail server's log has it.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"

namespace starttls::mtalog {

// How well the server was authenticated. Postfix' and Sendmail's words for it:
//
//                 Postfix, "... TLS connection established"     Sendmail, "verify="
//   none          no such line                                  no such line
//   anonymous     Anonymous: a cipher without certificate       NO, NOT, NONE: no certificate was presented,
//                                                               or none was asked for
//   untrusted     Untrusted: nobody whom we trust issued the    FAIL: the certificate could not be verified
//                 certificate, or it has expired; before 3.10
//                 also a certificate whose name does not match
//   trusted       Trusted: by a CA; its name was not compared,  OK: by a CA; rulesets compare its name
//                 or from 3.10 on does not match
//   verified      Verified: as the policy (secure, verify,      TRUSTED, DANE_SEC, DANE_OK: by DANE
//                 dane, fingerprint) demands
//   unknown       TLS, of which the log says no more            any other word
//
// Neither word alone is a failure: without a policy, mail is delivered whatever the certificate is.
enum class Protection { none, anonymous, untrusted, trusted, verified, unknown };

// "none", "anonymous", "untrusted", "trusted", "verified", "unknown"
std::string_view to_string(Protection protection);

struct OutboundHandshake {
  Time time;  // of the first line about the connection; cut to what the log has, often a second
  std::string recipient_domain;  // a DomainName
  std::string receiving_mx;      // lower-case, without a trailing dot; empty where the log has none
  std::string receiving_ip;      // as IpAddress::text(); empty where the log has none
  Protection protection = Protection::none;  // of a failed one: how far it got
  std::string tls_version;                   // "TLSv1.3"; empty where there was no TLS, or it is not known
  bool failed = false;                       // so no mail was sent through this connection
  std::string result_type;                   // of a failed one: "certificate-expired" (RFC 8460 section 4.3)
  std::string reason;                        // what else the log says of it, made printable; may be empty

  bool operator==(const OutboundHandshake&) const = default;
};

}  // namespace starttls::mtalog
