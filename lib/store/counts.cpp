#include "store/counts.h"

#include <utility>

namespace starttls::store {

SessionClass session_class(session::Session session, bool downgraded) {
  return {
      .day = to_day(session.begin),
      .receiving_mx = std::move(session.receiving_mx),
      .client_address = std::move(session.client_address),
      .client_name = std::move(session.client_name),
      .outcome = session_outcome(session),
      .tls_version = std::move(session.tls_version),
      .cipher = std::move(session.cipher),
      .cipher_bits = session.cipher_bits,
      .client_certificate = session.client_certificate,
      .failure = session.failure,
      .downgraded = downgraded,
  };
}

void add(DailyCounts& counts, session::Session session, bool downgraded) {
  const Tally total{.sessions = 1, .messages = session.messages};
  const auto domains = std::move(session.recipient_domains);
  ClassCount& count = counts[session_class(std::move(session), downgraded)];
  count.total += total;
  for (const auto& [domain, messages] : domains) {
    count.recipient_domains[domain] += {.sessions = 1, .messages = messages};
  }
}

void add(DailyCounts& counts, const DailyCounts& more) {
  for (const auto& [session_class, added] : more) {
    ClassCount& count = counts[session_class];
    count.total += added.total;
    for (const auto& [domain, tally] : added.recipient_domains) count.recipient_domains[domain] += tally;
  }
}

}  // namespace starttls::store
