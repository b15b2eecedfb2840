// Turns the steps of one connection of a client with the MTA into a Session.
//
// Independent of libmilter. Keeps no mail address: recipients become domains at once.
#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "session/session.h"

namespace starttls::milter {

// The TLS macros at one step; all empty where there is no TLS (yet).
struct TlsMacros {
  std::string_view version;       // {tls_version}
  std::string_view cipher;        // {cipher}
  std::string_view bits;          // {cipher_bits}
  std::string_view cert_subject;  // {cert_subject}: Postfix has it only for a trusted certificate
  std::string_view verify;        // {verify}: Sendmail only
};

struct Client {
  std::string_view address;  // text form, or empty
  std::string_view name;     // {client_name}: verified, or "unknown", or "[address]"
};

class Connection {
 public:
  Connection(Time now, std::string_view receiving_mx, const Client& client);

  void helo(std::string_view name);

  // To be called at every step, because the step at which TLS first shows differs between MTAs and clients.
  // TLS that begins after a transaction in the clear does not make the session an encrypted one.
  void tls(const TlsMacros& macros);

  void mail();
  // `address` as in RCPT TO, with or without angle brackets. One without a domain is ignored.
  void recipient(std::string_view address);
  void message_accepted();
  void transaction_aborted();

  // Whether TLS protects the next step, even where an earlier step made it a session in the clear.
  bool is_encrypted() const { return encrypted_; }
  const std::string& client_name() const { return session_.client_name; }

  // The session, if it ends now.
  session::Session ended(Time now) const&;
  session::Session ended(Time now) &&;

 private:
  session::Session session_;
  bool encrypted_ = false;
  std::size_t domain_bytes_ = 0;               // of the names in recipient_domains
  std::set<std::string> transaction_domains_;  // of the recipients of the transaction under way
};

// "user@Example.ORG" -> "example.org"; empty where there is no domain or it is an address literal.
std::string recipient_domain(std::string_view address);

}  // namespace starttls::milter
