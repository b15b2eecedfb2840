// Records for tests.
#pragma once

#include <initializer_list>

#include "session/examples.h"
#include "store/fold.h"
#include "support.h"

namespace starttls::test {

// The event of the MTA's log about a handshake of that client.
inline store::LogEvent failure_event(
    std::string_view time = "2026-11-22T12:00:01Z", const std::string& address = "192.0.2.9",
    session::HandshakeFailure failure = session::HandshakeFailure::unknown_ca) {
  return {.position = {.number = 1, .text = "here"},
          .failure = session::LoggedFailure{.time = at(time), .client_address = address, .failure = failure},
          .receiving_mx = "mx.example.test"};
}

// The last two labels, if there are three.
inline std::string last_two_labels(const std::string& name) {
  const auto last = name.rfind('.');
  const auto before = last == std::string::npos ? last : name.rfind('.', last - 1);
  return before == std::string::npos ? name : name.substr(before + 1);
}
inline const store::SendingDomainFinder sending_domain = last_two_labels;

inline store::SegmentContent content_of(std::initializer_list<store::Record> records) {
  store::SegmentContent content(sending_domain);
  for (const store::Record& record : records) content.add(record);
  return content;
}

inline store::DailyCounts counts_of(std::initializer_list<session::Session> sessions) {
  store::DailyCounts counts;
  for (const session::Session& session : sessions) store::add(counts, session);
  return counts;
}

}  // namespace starttls::test
