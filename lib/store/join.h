// Which session a failure was of that the MTA's log tells of.
//
// A milter sees of a failed handshake a session without TLS and mail, as of any probe; the log has the
// client's address and the reason. They come on two ways, one some time after the other: what has not found
// its partner waits, for a minute by the journal's time, which stands still while the journal waits for the
// store.
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

// More than this does not wait, so that a flood of probes cannot fill the store.
inline constexpr std::size_t max_waiting = 100'000;

// What waits for its partner: sessions with `awaits_log`, notes with a failure; and what earlier ones showed
// of the mail server's services.
struct Waiting {
  std::vector<session::Session> sessions;
  std::vector<LogEvent> notes;
  Services services;

  bool empty() const { return sessions.empty() && notes.empty() && services.empty(); }
  std::size_t size() const { return sessions.size() + notes.size(); }
  bool operator==(const Waiting&) const = default;
};

struct Joined {
  std::vector<session::Session> settled;  // to be counted; excluded ones are gone, with their failures
  Waiting waiting;
  std::map<std::string, std::uint64_t> uncounted;  // failures that are of no session of ours, by service
};

// `journal_time`: up to when sessions and notes are known; none: nothing has waited for too long. A failure
// belongs to the session of the same client that was under way at its time, or ended nearest to it; each is
// used once. A session that waited for too long is settled as it is. A failure that did is of a session that
// the milter did not see: it becomes a session that only the log saw where it is `wanted`, or where the
// milter was down meanwhile and the service is one whose sessions are recorded; else it is not counted. Who
// left after a good handshake is no session of its own: the milter has seen it, and may know better what came
// of it.
Joined join(Waiting waiting, std::optional<Time> journal_time);

}  // namespace starttls::store
