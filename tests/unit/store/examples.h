// Sessions to test with.
#pragma once

#include <initializer_list>

#include "store/fold.h"
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

// A client that said EHLO and left.
inline store::Session probe() {
  return {.begin = at("2026-11-22T12:00:00Z"),
          .end = at("2026-11-22T12:00:02Z"),
          .receiving_mx = "mx.example.test",
          .client_address = "192.0.2.9",
          .helo = "probe"};
}

// The same, where the MTA's log is followed.
inline store::Session awaiting_probe() {
  store::Session session = probe();
  session.awaits_log = true;
  return session;
}

// What the MTA's log says of a handshake of that client.
inline store::LogNote failure_note(std::string_view time = "2026-11-22T12:00:01Z",
                                   const std::string& address = "192.0.2.9",
                                   mtalog::HandshakeFailure failure = mtalog::HandshakeFailure::unknown_ca) {
  return {.position = {.number = 1, .text = "here"},
          .failure = mtalog::LoggedFailure{.time = at(time), .client_address = address, .failure = failure},
          .receiving_mx = "mx.example.test"};
}

// The last two labels, where there are three.
inline std::string last_two_labels(const std::string& name) {
  const auto last = name.rfind('.');
  const auto before = last == std::string::npos ? last : name.rfind('.', last - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}
inline const store::SendingDomain sending_domain = last_two_labels;

inline store::SegmentContent content_of(std::initializer_list<store::Record> records) {
  store::SegmentContent content(sending_domain);
  for (const store::Record& record : records) content.add(record);
  return content;
}

inline store::DailyCounts counts_of(std::initializer_list<store::Session> sessions) {
  store::DailyCounts counts;
  for (const store::Session& session : sessions) store::add(counts, session);
  return counts;
}

}  // namespace starttls::test
