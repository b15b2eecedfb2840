// Joins sessions of the milter with failures of the MTA's log.
//
// Of a failed handshake a milter sees a session without TLS and mail, as of any probe; the log has the
// client's address and the reason. The two arrive one some time after the other: one without its partner
// waits, for a minute by the journal's time, which stops while the journal waits for the store.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/record.h"
#include "store/services.h"

namespace starttls::store {

// How long the log may lag behind the milter, or the milter behind the log.
inline constexpr std::chrono::seconds max_join_delay{60};

// No more than this wait, so that a flood of probes cannot fill the store.
inline constexpr std::size_t max_waiting = 100'000;

// Records that wait for their partner: sessions with `awaits_log`, and log events with a failure; and what
// earlier ones showed about the mail server's services.
struct Waiting {
  std::vector<session::Session> sessions;
  std::vector<LogEvent> events;
  Services services;

  bool empty() const { return sessions.empty() && events.empty() && services.empty(); }
  std::size_t size() const { return sessions.size() + events.size(); }
  bool operator==(const Waiting&) const = default;
};

struct Joined {
  std::vector<session::Session> counted;  // to be counted; without excluded ones and their failures
  Waiting waiting;
  std::map<std::string, std::uint64_t> uncounted;  // failures that are of no session of ours, by service
};

// `journal_time`: up to when there are sessions and events; none: nothing has waited for too long.
//
// A failure belongs to the session of the same client that was open at its time, or ended nearest to it; each
// is used once. A session that waited for too long is counted as it is. A failure that did is of a session
// that the milter did not see. It becomes a session of the log alone where it is `wanted`, or where the
// milter was down and the sessions of the service are recorded; else it is not counted.
// HandshakeFailure::disconnected makes no session of its own: the milter has seen that one.
Joined join(Waiting waiting, std::optional<Time> journal_time);

}  // namespace starttls::store
