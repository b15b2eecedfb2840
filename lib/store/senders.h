// The memory of sending domains: how each has protected its mail, so that one that comes without TLS after it
// has always used it is noticed.
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

// When sending domains were forgotten: sessions that ended before are remembered no more, whenever they are
// folded.
using Forgotten = std::map<std::string, Time>;

// Adds what a part knows to what the whole knows.
void add(Sender& sender, const Sender& more);

// A sending domain that had used TLS often enough came in plaintext.
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
