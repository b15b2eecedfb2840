// Finds how the TLS handshakes of outbound deliveries ended in the lines of Postfix' smtp(8) and of Sendmail.
//
// A connection is counted once for each domain of its recipients, when the first line about such a recipient
// comes; deliveries through a connection that is used again are not counted. A delivery without a line about
// TLS went out in plaintext, if the program logs TLS at all: Postfix with smtp_tls_loglevel = 1 at least,
// Sendmail with LogLevel 9 at least. Until a program has logged TLS once, such deliveries are not counted,
// since the log does not tell.
//
// Postfix 3.10 and later also log the result that they send as a TLSRPT datagram. Such a line is the whole
// result of its connection.
//
//   line of the log                                                     result type
//   Postfix
//     TLSRPT: status=failure, ..., failure_type=T                       T
//     TLS is required, but was not offered by host H                    starttls-not-supported
//     TLS is required, but host H refused to start TLS: ...             starttls-not-supported
//     TLS is required, but our TLS engine is unavailable                validation-failure
//     Cannot start TLS: handshake failure                               validation-failure
//     Server certificate not verified|trusted, and before it
//       [server] certificate verification failed for H:
//         num=62:hostname mismatch                                      certificate-host-mismatch
//         certificate has expired                                       certificate-expired
//         untrusted issuer ..., self-signed certificate, not trusted by
//         local or TLSA policy, num=65:no matching DANE TLSA records,
//         certificate not yet valid, ...                                certificate-not-trusted
//         any other reason, or none                                     validation-failure
//     MX name 'H' does not match STS MX pattern for 'D'                 validation-failure
//     TLS policy lookup for D/H:
//         no TLSA records found, non DNSSEC destination                 dane-required
//         TLSA records unusable                                         tlsa-invalid
//         TLSA lookup error for H:25                                    dnssec-invalid
//   Sendmail
//     STARTTLS=client, error: connect failed=-1, reason=...             validation-failure
//     ruleset=tls_server, arg1=W, relay=H, reject=...
//       FAIL, and before it verifymsg= (LogLevel 14)                    as Postfix' reasons
//       FAIL                                                            certificate-not-trusted
//       NONE, TEMP, PROTOCOL                                            starttls-not-supported
//       another word                                                    validation-failure
//     ruleset=tls_rcpt, arg1=A, relay=H, reject=...
//       H not listed in SANs, CN H does not match ...                   certificate-host-mismatch
//       other side does not support STARTTLS                            starttls-not-supported
//       authentication failed                                           certificate-not-trusted
//       another text, such as H not found in a.example:b.example        validation-failure
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "base/clock.h"
#include "mtalog/line.h"
#include "mtalog/outbound_handshake.h"
#include "mtalog/outbound_processes.h"

namespace starttls::mtalog {

class OutboundParser {
 public:
  // Processes that are kept; in a flood the oldest are dropped.
  static constexpr std::size_t max_unfinished = 10'000;
  // A process whose connection began earlier is dropped. A server may take ten minutes to accept a message.
  static constexpr std::chrono::hours max_age{1};
  // Sendmail keeps a connection for later messages for so long (ConnectionCacheTimeout).
  static constexpr std::chrono::minutes max_reuse_delay{5};
  // Names of programs that log TLS; further ones are not remembered.
  static constexpr std::size_t max_programs = 1000;

  // The next line and its time. It begins at `place` in the log; places grow. Ignores the stamp of the line.
  // Several handshakes where one line names several domains, or ends several connections.
  std::vector<OutboundHandshake> add(const Line& line, Time time, std::uint64_t place);

  // Lines about deliveries through SMTP, so far.
  std::uint64_t delivery_lines() const { return delivery_lines_; }
  // Of these, lines about connections of which the log does not tell whether they had TLS.
  std::uint64_t unclear_lines() const { return unclear_lines_; }

  // As in FailureParser.
  std::optional<std::uint64_t> first_needed() const { return processes_.first_needed(); }
  std::optional<Time> first_needed_time() const { return processes_.first_needed_time(); }
  bool is_needed(std::uint64_t place) const { return processes_.is_needed(place); }

 private:
  struct Entry;  // a line with what belongs to it

  void add_postfix(Entry& entry);
  bool add_established(Entry& entry);
  void add_connect_error(Entry& entry, std::string_view rest);
  void add_tlsrpt(Entry& entry, std::string_view rest);
  void add_dane_failure(Entry& entry, std::string_view rest);
  void add_sts_failure(Entry& entry, std::string_view rest);
  void add_postfix_message(Entry& entry);
  void add_postfix_delivery(Entry& entry, const PostfixDelivery& delivery);
  std::vector<OutboundHandshake> add_tlsproxy(const Line& line, Time time, std::uint64_t place);
  void add_sendmail(Entry& entry);
  void add_sendmail_tls(Entry& entry, std::string_view rest);
  void add_rejection(Entry& entry, std::string_view rest);
  void add_sendmail_delivery(Entry& entry, const SendmailDelivery& delivery);

  static OutboundConnection& begin(Entry& entry, Peer peer);
  OutboundConnection& begin_tls(Entry& entry, const Peer& peer);
  OutboundConnection* begin_plaintext(Entry& entry, const Peer& peer, bool is_known);
  void note_tls(std::string_view program);

  OutboundProcesses processes_{max_unfinished, max_age};
  std::unordered_set<std::string> logs_tls_;  // programs
  std::uint64_t delivery_lines_ = 0;
  std::uint64_t unclear_lines_ = 0;
};

}  // namespace starttls::mtalog
