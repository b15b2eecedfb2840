// Follows the mail server's log as it grows: files with rotation, or systemd's journal.
//
//     auto follower = follow(loop, "/var/log/mail.log", position, clock, {.failure = ..., .position = ...});
//
// Exactly once: each failure, or outbound handshake, comes with the position after it. A follower that starts
// at the last position gets every later one, and no earlier one: a position has the place where reading must
// begin so that no line of an unfinished session is lost, and the place up to which all was reported.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "event/loop.h"
#include "mtalog/outbound_handshake.h"
#include "session/failure.h"

namespace starttls::mtalog {

// Failed handshakes of inbound sessions (failure_parser.h).
struct FollowerCallbacks {
  std::function<void(const session::LoggedFailure&, const session::LogPosition&)> failure;
  // About once a minute, while lines come without a failure.
  std::function<void(const session::LogPosition&)> position;
};

// Handshakes of outbound deliveries (outbound_parser.h).
struct OutboundCallbacks {
  // All that one line of the log ended, and the position after them: who stores it, stores them together.
  std::function<void(std::span<const OutboundHandshake>, const session::LogPosition&)> handshakes;
  // About once a minute, while lines come without a handshake.
  std::function<void(const session::LogPosition&)> position;
};

// How much was read so far.
struct LogReading {
  std::uint64_t lines = 0;
  // Of these, lines of a mail server about its sessions, or about outbound deliveries.
  std::uint64_t session_lines = 0;
  // Of these, lines about deliveries that do not tell whether there was TLS.
  std::uint64_t unclear_lines = 0;
};

class Follower {
 public:
  Follower() = default;
  Follower(const Follower&) = delete;
  Follower& operator=(const Follower&) = delete;
  virtual ~Follower() = default;

  virtual LogReading reading() const = 0;
};

// `source`: the absolute path of a file, "journal" for the journal of this host, or "journal:" and the path
// of a directory of journal files. Without a position, or with one of another source, it begins at the end.
//
// It waits for a file that does not exist or may not be read, and logs that once a minute. A log whose lines
// have an unknown form (line.h) is logged once, with one of its lines. Reading takes a few milliseconds of
// the loop's time at once, however much there is. Fault::unavailable where the log cannot be followed.
Result<std::unique_ptr<Follower>> follow(event::Loop& loop, const std::string& source,
                                         const std::optional<session::LogPosition>& from, Clock clock,
                                         FollowerCallbacks callbacks);

Result<std::unique_ptr<Follower>> follow(event::Loop& loop, const std::string& source,
                                         const std::optional<session::LogPosition>& from, Clock clock,
                                         OutboundCallbacks callbacks);

// Whether this process may read the log now. Fault::permission, with the groups that may; Fault::unavailable
// where it does not exist.
Result<void> check_readable(const std::string& source);

}  // namespace starttls::mtalog
