// The history of sending domains: how each has protected its mail. It shows a domain that comes without TLS
// after it has always used TLS.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"

namespace starttls::store {

// The sending domain of a client by its verified name; "" where it has none.
using SendingDomainFinder = std::function<std::string(const std::string& client_name)>;

// Sessions with TLS and mail, of one sending domain.
struct Sender {
  std::uint64_t tls_sessions = 0;
  Time last_tls;
  std::string best_tls;               // "TLSv1.3": versions compare as texts
  std::optional<Day> last_downgrade;  // day of the newest one

  bool operator==(const Sender&) const = default;
};
using Senders = std::map<std::string, Sender>;

// When sending domains were forgotten: sessions that ended before that time do not count, even if they are
// folded later.
using Forgotten = std::map<std::string, Time>;

// Adds more sessions to those of a sender.
void add(Sender& sender, const Sender& more);

// Sessions in plaintext of a sending domain that had used TLS often enough.
struct Downgrade {
  std::string sender;
  Day day;
  std::uint64_t sessions = 0;      // in plaintext, on that day
  Time first_plaintext;            // of that day
  Time last_tls;                   // before that
  std::string best_tls;            // before that
  std::uint64_t tls_sessions = 0;  // before that

  bool operator==(const Downgrade&) const = default;
};

}  // namespace starttls::store
