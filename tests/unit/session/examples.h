// Sessions for tests.
#pragma once

#include "session/session.h"
#include "support.h"

namespace starttls::test {

inline session::Session tls_session() {
  return {.begin = at("2026-11-22T10:00:00Z"),
          .end = at("2026-11-22T10:00:01.5Z"),
          .receiving_mx = "mx.example.test",
          .client_address = "192.0.2.1",
          .client_name = "mail.sender.test",
          .helo = "mail.sender.test",
          .tls_version = "TLSv1.3",
          .cipher = "TLS_AES_256_GCM_SHA384",
          .cipher_bits = 256,
          .client_certificate = session::ClientCertificate::trusted,
          .transactions = 2,
          .messages = 2,
          .recipient_domains = {{"example.test", 2}, {"example.org", 1}}};
}

inline session::Session plaintext_session() {
  return {.begin = at("2026-11-22T11:00:00Z"),
          .end = at("2026-11-22T11:00:01Z"),
          .receiving_mx = "mx.example.test",
          .client_address = "2001:db8::25",
          .helo = "old",
          .transactions = 1,
          .messages = 1,
          .recipient_domains = {{"example.test", 1}}};
}

// A client that sent EHLO and disconnected.
inline session::Session probe() {
  return {.begin = at("2026-11-22T12:00:00Z"),
          .end = at("2026-11-22T12:00:02Z"),
          .receiving_mx = "mx.example.test",
          .client_address = "192.0.2.9",
          .helo = "probe"};
}

// The same, if the MTA's log is followed.
inline session::Session awaiting_probe() {
  session::Session session = probe();
  session.awaits_log = true;
  return session;
}

}  // namespace starttls::test
