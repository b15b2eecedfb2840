// Finds failed handshakes in the lines of Postfix and Sendmail. tlsrpt-milter(8) explains each line.
//
// A Postfix smtpd logs the reason, and some lines later that the session is over and how far it got. A
// Sendmail logs how the handshake went, and later that no mail came, and at which of its daemons. Between
// these lines, the process is unfinished.
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

// The reason that OpenSSL, or the MTA, gives for a failed handshake.
session::HandshakeFailure parse_failure_reason(std::string_view reason);

class FailureParser {
 public:
  // Unfinished processes that are kept; in a flood the oldest are dropped.
  static constexpr std::size_t max_unfinished = 10'000;
  // A process without a line among so many lines of interest is dropped.
  static constexpr std::uint64_t max_idle_lines = 200'000;
  // An older process is dropped: Sendmail has no last line for some sessions. A client may be silent for an
  // hour.
  static constexpr std::chrono::hours max_age{2};

  // The next line and its time. It begins at `place` in the log; places grow. Ignores the stamp of the line.
  std::optional<session::LoggedFailure> add(const Line& line, Time time, std::uint64_t place);

  // Lines of a mail server about its sessions, so far.
  std::uint64_t session_lines() const { return session_lines_; }

  // The place from which the log must be read again so that no line of an unfinished process is lost; none:
  // there is no such line.
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
  Process& find_or_add(const Line& line, Time time, std::uint64_t place);
  std::optional<Process> take(const Line& line, Time time);
  void forget(Processes::iterator process);
  void forget_old(Time now);

  Processes unfinished_;
  std::multimap<std::uint64_t, std::string> by_begin_;
  std::uint64_t lines_ = 0;
  // When the present sessions of Postfix' processes began. Each process id has at most one.
  std::unordered_map<std::string, Time> begins_;
  std::uint64_t session_lines_ = 0;
};

}  // namespace starttls::mtalog
