// What a probe of a mail server finds: facts about one connection, without a verdict. See prober.h.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "certificate/certificate.h"
#include "smtp/reply.h"

namespace starttls::smtp {

// The steps of a probe, in their order.
enum class Step { connection, greeting, ehlo, starttls, handshake, second_ehlo, quit, done };

// Why a probe went no further. `none` and those from `no_starttls` on are facts about the server; the others
// say that we cannot tell what it offers.
enum class Stop {
  none,         // it went to the end; its QUIT may be unanswered
  not_allowed,  // the address is not public; no connection was made
  local_error,  // this host has no descriptor or memory left, or OpenSSL cannot do what the request asks for
  unreachable,  // no route, or a firewall that says so
  refused,      // the port is closed
  timeout,      // no connection, or no byte for the time of patience
  too_slow,     // bytes came, but the whole took too long (a tarpit)
  closed,       // the server closed the connection before the handshake or after it
  deferred,     // 421 or 450, or 4xx at the greeting or EHLO: mostly a limit of rates
  rejected,     // 5xx at the greeting or EHLO: it does not talk to us
  no_starttls,  // EHLO does not offer it, or is not known
  starttls_rejected,  // offered, but answered 4xx or 5xx
  protocol,           // not SMTP: a malformed reply, or one beyond the limits
  handshake,          // TLS failed: see tls_error
};

// "connection", "second-ehlo", ...
std::string_view to_string(Step step);
// "none", "not-allowed", ...
std::string_view to_string(Stop stop);

enum class TlsVersion { tls1_0, tls1_1, tls1_2, tls1_3 };

// "TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3": OpenSSL's words.
std::string_view to_string(TlsVersion version);

// RFC 8446 section 4.1.2 allows more cipher suites in one ClientHello, but some servers do not.
inline constexpr std::size_t max_suites = 64;

// ProbeFacts::tls_error of a server that answers with a version older than all that were offered.
inline constexpr std::string_view version_not_offered = "the server chose a version that was not offered";

struct ProbeRequest {
  IpAddress address;
  std::uint16_t port = 25;
  std::string sni;  // the MX host, as DomainName has it (RFC 6066 section 3: without trailing dot); "": none
  std::string ehlo_name;  // of this host: its PTR should be the same
  TlsVersion min_version = TlsVersion::tls1_2;
  TlsVersion max_version = TlsVersion::tls1_3;
  // What the ClientHello offers, in words of OpenSSL separated by colons; "": OpenSSL's defaults. `suites`
  // may have names of TLS 1.3 and others. If it has none of TLS 1.3, none of these is offered.
  std::string suites;
  std::string groups;
  // Whether to send a NOOP in the clear together with STARTTLS, which a server must discard (CVE-2011-0411).
  // Some servers refuse STARTTLS then: the probe says less about everything else.
  bool inject = false;
  // Whether to offer the compression of TLS 1.2 and older, see accepts_compression. The probe ends with the
  // server's choice: a connection for this alone.
  bool offer_compression = false;
};

struct Handshake {
  std::string version;  // "TLSv1.3"
  std::string suite;    // as IANA calls it: "TLS_AES_256_GCM_SHA384"
  // The group of the key exchange: "X25519", "secp256r1", "ffdhe2048"; "DH" for parameters of the server's
  // own; "" where the client encrypts with the server's RSA key.
  std::string group;
  int group_bits = 0;                   // of the server's part; 0 where OpenSSL does not know
  bool secure_renegotiation = false;    // RFC 5746; always true from TLS 1.3 on
  bool extended_master_secret = false;  // RFC 7627; always true from TLS 1.3 on
  std::string signature_hash;           // with which the server signed the handshake: "SHA256"; "" for none
  std::vector<certificate::Certificate> chain;  // as sent, the server's own first
  bool chain_is_cut = false;                    // beyond max_chain, or at a certificate that cannot be read
};

struct ProbeFacts {
  IpAddress address;
  std::uint16_t port = 25;
  std::string sni;

  Step reached = Step::connection;  // the last step that began
  Stop stop = Stop::none;
  std::string reason;  // why it stopped, a sentence fit for a terminal: "no greeting within 60 s"
  // No connection was made, since the server has deferred or rejected an earlier one of this Prober.
  bool is_skipped = false;

  std::optional<Reply> greeting;
  std::optional<Reply> ehlo;
  std::optional<Reply> starttls;
  std::optional<Reply> second_ehlo;
  std::optional<Reply> quit;

  std::vector<std::string> extensions;  // keywords of the first EHLO
  bool offers_starttls = false;
  bool offers_starttls_inside_tls = false;  // which RFC 3207 section 4.2 forbids
  bool accepts_injected_command = false;    // the NOOP sent in the clear was answered inside TLS

  // With offer_compression; nothing where the server made no choice. With Stop::handshake it refused to: it does not
  // compress, or has nothing older than TLS 1.3.
  std::optional<bool> accepts_compression;

  std::optional<Handshake> tls;
  // "alert handshake_failure (40)" where the server sent one; version_not_offered; else OpenSSL's words: "wrong
  // version number".
  std::string tls_error;

  // Each from its own beginning; 0 where it did not come to its end.
  std::chrono::milliseconds connect_time{0};
  std::chrono::milliseconds greeting_time{0};
  std::chrono::milliseconds handshake_time{0};
  std::chrono::milliseconds total_time{0};  // of the whole connection, with its QUIT
};

}  // namespace starttls::smtp
