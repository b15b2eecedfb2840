// Follows the mail server's log as it grows: files with rotation, or systemd's journal.
//
//     auto follower = follow(loop, "/var/log/mail.log", position, clock, {.failure = ..., .position = ...});
//
// Exactly once: each failure comes with the position after it. A follower that starts at the last position
// gets every later failure, and no earlier one: a position has the place where reading must begin so that no
// line of an unfinished session is lost, and the place up to which failures were reported.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "event/loop.h"
#include "session/failure.h"

namespace starttls::mtalog {

struct FollowerCallbacks {
  std::function<void(const session::LoggedFailure&, const session::LogPosition&)> failure;
  // About once a minute, while lines come without a failure.
  std::function<void(const session::LogPosition&)> position;
};

// How much was read so far.
struct LogReading {
  std::uint64_t lines = 0;
  std::uint64_t session_lines = 0;  // of these, lines of a mail server about its sessions
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

// Whether this process may read the log now. Fault::permission, with the groups that may; Fault::unavailable
// where it does not exist.
Result<void> check_readable(const std::string& source);

}  // namespace starttls::mtalog
