// Following the mail server's log as it grows: files with rotation, or systemd's journal.
//
//     auto follower = follow(loop, "/var/log/mail.log", position, clock, {.failure = ..., .position = ...});
//
// Exactly once: each failure comes with the position behind it. Who follows on from the last position that he
// was given is given every later failure, and none of those before: a position holds where reading has to
// begin so that what unfinished sessions have told is not lost, and up to where failures were given already.
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
  // About once a minute, while lines come that tell of no failure.
  std::function<void(const session::LogPosition&)> position;
};

// What was read so far.
struct LogReading {
  std::uint64_t lines = 0;
  std::uint64_t session_lines = 0;  // of these, lines that a mail server writes about its sessions
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
// of a folder of journal files. Without a position, or with one that is of another source, it begins at the
// end.
//
// A file that does not exist or may not be read is waited for, which is logged once a minute. A log whose
// lines have no form that is known (line.h) is logged once, with one of its lines. Reading takes a few
// milliseconds of the loop's time at once, however much there is. Fault::unavailable where following is not
// possible.
Result<std::unique_ptr<Follower>> follow(event::Loop& loop, const std::string& source,
                                         const std::optional<session::LogPosition>& from, Clock clock,
                                         FollowerCallbacks heard);

// Whether this process may read the log now. Fault::permission, with the groups that may; Fault::unavailable
// where it does not exist.
Result<void> check_readable(const std::string& source);

}  // namespace starttls::mtalog
