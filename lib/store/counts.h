// Daily counts: sessions that are added up.
#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "session/session.h"

namespace starttls::store {

// What the sessions that are counted together have in common.
struct SessionClass {
  Day day;  // of the session's begin, UTC
  std::string receiving_mx;
  std::string client_address;
  std::string client_name;
  session::Outcome outcome = session::Outcome::no_helo;
  std::string tls_version;
  std::string cipher;
  std::uint32_t cipher_bits = 0;
  session::ClientCertificate client_certificate = session::ClientCertificate::none;
  session::HandshakeFailure failure = session::HandshakeFailure::none;  // of Outcome::failed
  bool downgraded = false;  // in plaintext, from a sending domain that is known for TLS

  auto operator<=>(const SessionClass&) const = default;
};

SessionClass session_class(session::Session session, bool downgraded = false);

struct Tally {
  std::uint64_t sessions = 0;
  std::uint64_t messages = 0;

  Tally& operator+=(const Tally& other) {
    sessions += other.sessions;
    messages += other.messages;
    return *this;
  }
  bool operator==(const Tally&) const = default;
};

struct ClassCount {
  Tally total;
  // Sessions that had an accepted recipient in the domain, and the messages accepted for it. A session with
  // recipients in two domains counts for both, so these do not add up to the total.
  std::map<std::string, Tally> recipient_domains;

  bool operator==(const ClassCount&) const = default;
};

using DailyCounts = std::map<SessionClass, ClassCount>;

// Gets counts one by one, where all of them would take too much memory.
using CountSink = std::function<void(const SessionClass& of, const ClassCount& count)>;

void add(DailyCounts& counts, session::Session session, bool downgraded = false);
void add(DailyCounts& counts, const DailyCounts& more);

}  // namespace starttls::store
