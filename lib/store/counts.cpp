#include "store/counts.h"

namespace starttls::store {

SessionClass class_of(const Session& session, bool downgraded) {
  return {
      .day = day_of(session.begin),
      .receiving_mx = session.receiving_mx,
      .client_address = session.client_address,
      .client_name = session.client_name,
      .outcome = outcome_of(session),
      .tls_version = session.tls_version,
      .cipher = session.cipher,
      .cipher_bits = session.cipher_bits,
      .client_certificate = session.client_certificate,
      .failure = session.failure,
      .downgraded = downgraded,
  };
}

void add(DailyCounts& counts, const Session& session, bool downgraded) {
  ClassCount& count = counts[class_of(session, downgraded)];
  count.total += {.sessions = 1, .messages = session.messages};
  for (const auto& [domain, messages] : session.recipient_domains) {
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
