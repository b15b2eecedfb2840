// What a follower reads a log for. follower.cpp has one for each kind of callbacks.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "base/clock.h"
#include "mtalog/line.h"
#include "session/failure.h"

namespace starttls::mtalog {

class LineParser {
 public:
  // For messages of the follower; literals.
  struct Words {
    std::string_view subject;  // what is missing when lines are: "the reasons of failed handshakes"
    std::string_view unknown;  // what is not known of unfinished sessions: "why their handshakes failed"
    std::string_view manual;   // where the forms of lines are listed: "tlsrpt-milter(8)"
  };

  LineParser() = default;
  LineParser(const LineParser&) = delete;
  LineParser& operator=(const LineParser&) = delete;
  virtual ~LineParser() = default;

  // The next line and its time. It begins at `place` in the log; places grow. Returns whether it ended
  // something that report() hands over. The follower does not call report() if that was reported before.
  virtual bool add(const Line& line, Time time, std::uint64_t place) = 0;
  // Calls back with what the last line ended, and the position after that line.
  virtual void report(const session::LogPosition& after) = 0;
  // Calls back with a position where nothing ended.
  virtual void report_position(const session::LogPosition& position) = 0;

  // The place from which the log must be read again so that no line of something unfinished is lost; none:
  // there is no such line.
  virtual std::optional<std::uint64_t> first_needed() const = 0;
  // The time of the line there.
  virtual std::optional<Time> first_needed_time() const = 0;
  // Whether the line at this place is the first of something unfinished.
  virtual bool is_needed(std::uint64_t place) const = 0;

  // For LogReading.
  virtual std::uint64_t session_lines() const = 0;
  virtual std::uint64_t unclear_lines() const { return 0; }
  // Whether a line in an unknown form looks like one that the parser reads.
  virtual bool is_of_mail_server(std::string_view text) const = 0;
  virtual Words words() const = 0;
};

}  // namespace starttls::mtalog
