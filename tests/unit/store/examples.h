// Sessions to test with.
#pragma once

#include "store/session.h"
#include "support.h"

namespace starttls::test {

inline store::Session tls_session() {
  return {.begin = at("2026-11-22T10:00:00Z"),
          .end = at("2026-11-22T10:00:01.5Z"),
          .receiving_mx = "mx.example.test",
          .client_address = "192.0.2.1",
          .client_name = "mail.sender.test",
          .helo = "mail.sender.test",
          .tls_version = "TLSv1.3",
          .cipher = "TLS_AES_256_GCM_SHA384",
          .cipher_bits = 256,
          .client_certificate = store::ClientCertificate::trusted,
          .transactions = 2,
          .messages = 2,
          .recipient_domains = {{"example.test", 2}, {"example.org", 1}}};
}

inline store::Session plaintext_session() {
  return {.begin = at("2026-11-22T11:00:00Z"),
          .end = at("2026-11-22T11:00:01Z"),
          .receiving_mx = "mx.example.test",
          .client_address = "2001:db8::25",
          .helo = "old",
          .transactions = 1,
          .messages = 1,
          .recipient_domains = {{"example.test", 1}}};
}

}  // namespace starttls::test
