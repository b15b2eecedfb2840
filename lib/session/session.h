// One SMTP session with one of our MX hosts: what the milter recorded of it, and its form in the journal.
//
// Never a mail address: of recipients only the domain is kept, of a client certificate only how it verified.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "session/failure.h"

namespace starttls::session {

// How a session was protected, as far as a milter can know.
enum class Outcome {
  tls,        // encrypted, with or without mail
  plaintext,  // a mail transaction was begun without TLS
  // HELO, then nothing: a probe, a failed handshake, or a sender that disconnected after a good handshake
  // because it rejected our certificate. Only the log of the MTA shows which.
  no_mail,
  no_helo,  // connected and disconnected
  failed,   // a TLS handshake failed, as the MTA's log shows: Session::failure has the reason
};

enum class ClientCertificate { none, untrusted, trusted };

struct Session {
  Time begin;                  // the MTA reported the connection
  Time end;                    // the MTA reported its end
  std::string receiving_mx;    // our MX host as the MTA calls itself (macro j), lower case
  std::string client_address;  // text form, IPv4 or IPv6; empty where the MTA has none
  std::string client_name;     // verified host name in A-labels; empty where there is none
  std::string helo;            // as sent, made printable, without anything before an '@'
  std::string tls_version;     // "TLSv1.3"; empty: no TLS
  std::string cipher;          // "TLS_AES_256_GCM_SHA384"
  std::uint32_t cipher_bits = 0;
  ClientCertificate client_certificate = ClientCertificate::none;
  std::uint32_t transactions = 0;  // MAIL commands that the MTA accepted
  std::uint32_t messages = 0;      // messages accepted, as far as our place in the chain of filters shows

  // Recipient domain (A-labels) -> messages accepted for it; 0 where a recipient was accepted but no message.
  std::map<std::string, std::uint32_t> recipient_domains;

  // The rest is for the join with the MTA's log (store/join.h).

  // Stands for the client's address where `client_address` does not have all of it; else empty.
  std::string address_pseudonym;
  bool awaits_log = false;  // neither TLS nor mail: the log may have the reason
  bool excluded = false;    // not counted; recorded only so that its failure is not counted
  bool still_open = false;  // the milter stopped before it ended: `end` is when that was
  session::HandshakeFailure failure = session::HandshakeFailure::none;  // set by the join

  bool operator==(const Session&) const = default;
};

// Whether a text of a record can be kept by every store: UTF-8 without NUL. RapidJSON lets half a character
// through that is written as "\uDC00".
bool is_storable_text(std::string_view text);

// No record has a later time (the end of the year 9999), or one before 1970.
inline constexpr Time max_record_time{std::chrono::milliseconds{253'402'300'799'999}};

Outcome session_outcome(const Session& session);

// "tls", "plaintext", "no-mail", "no-helo", "failed"; Fault::data on another word.
std::string_view to_string(Outcome outcome);
Result<Outcome> parse_outcome(std::string_view text);

// "none", "untrusted", "trusted"; Fault::data on another word.
std::string_view to_string(ClientCertificate certificate);
Result<ClientCertificate> parse_client_certificate(std::string_view text);

// One JSON object, without line breaks. Texts in the session must be valid UTF-8.
std::string encode(const Session& session);

// Fault::data where the text is not what encode() writes; unknown members are ignored.
Result<Session> decode(std::string_view json);

}  // namespace starttls::session
