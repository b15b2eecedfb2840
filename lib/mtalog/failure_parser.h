// Failed handshakes out of the lines of Postfix and Sendmail.
//
// What each form of line means is in tlsrpt-milter(8). A Postfix smtpd logs the reason some lines before it
// logs that the session is over and how far it came; a Sendmail logs how the handshake went before it logs
// that no mail came, and at which of its daemons. Between these, the process is unfinished.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "mtalog/line.h"
#include "session/failure.h"

namespace starttls::mtalog {

// What OpenSSL, or the MTA, says of a handshake that failed.
session::HandshakeFailure parse_failure_reason(std::string_view reason);

class FailureParser {
 public:
  // More processes are not unfinished at the same time; of a flood the oldest are forgotten.
  static constexpr std::size_t max_unfinished = 10'000;
  // A process that says nothing more for so many lines of interest is forgotten.
  static constexpr std::uint64_t max_idle_lines = 200'000;
  // Nor is one waited for longer: Sendmail has no last line for every session. A client may be silent for an
  // hour.
  static constexpr std::chrono::hours max_age{2};

  // The next line, with its time, which begins at `place` in the log; places grow. Its stamp is not looked
  // at.
  std::optional<session::LoggedFailure> add(const Line& line, Time time, std::uint64_t place);

  // Lines so far that a mail server writes about its sessions.
  std::uint64_t session_lines() const { return session_lines_; }

  // Where the log must be read again from, so that what unfinished processes have told is not lost; none:
  // nowhere.
  std::optional<std::uint64_t> first_needed() const;
  // The time of the line there.
  std::optional<Time> first_needed_time() const;
  // Whether the line at this place is the first of an unfinished process.
  bool is_needed(std::uint64_t place) const { return by_begin_.contains(place); }

 private:
  struct Process {
    session::HandshakeFailure failure = session::HandshakeFailure::none;
    std::uint64_t begin = 0;  // place of its first line that is needed
    std::uint64_t line = 0;
    Time since;
  };
  using Processes = std::unordered_map<std::string, Process>;

  std::optional<session::LoggedFailure> add_postfix(const Line& line, Time time, std::uint64_t place);
  std::optional<session::LoggedFailure> judge_disconnect(const Line& line, Time time);
  std::optional<session::LoggedFailure> add_sendmail(const Line& line, Time time, std::uint64_t place);
  void begin_session(const Line& line, Time time);
  std::optional<Time> end_session(const Line& line);
  Process& process_of(const Line& line, Time time, std::uint64_t place);
  std::optional<Process> take(const Line& line, Time time);
  void forget(Processes::iterator process);
  void forget_old(Time now);

  Processes unfinished_;
  std::multimap<std::uint64_t, std::string> by_begin_;
  std::uint64_t lines_ = 0;
  // When the sessions began that Postfix' processes have now. Whatever became of a process: of the same id
  // there is one.
  std::unordered_map<std::string, Time> begins_;
  std::uint64_t session_lines_ = 0;
};

}  // namespace starttls::mtalog
