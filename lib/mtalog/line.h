// A line of the mail log: who wrote it, when, and what.
//
//   Nov 26 16:40:06 mx postfix/smtpd[123]: disconnect from ...                     syslog's old form, local
//   time 2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd[123]: disconnect from ...    its new form, and
//   Postfix' maillog_file <22>Nov 26 16:40:06 sm-mta[123]: STARTTLS=server, ...                          as
//   it is sent to syslog
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace starttls::mtalog {

// Views into the text of the line.
struct Line {
  std::string_view head;     // all before the program, with the time
  std::string_view program;  // "postfix/smtpd"
  std::string_view process;  // "123"
  std::string_view message;
  std::optional<Time> time;  // where it is known without the head
};

// Nothing where it has another form; costs little, as most lines are of no interest.
std::optional<Line> split(std::string_view line);

// The time at the front of a line's head. The old form has no year: it is the one that brings the time
// nearest to `near`, and is read in the time zone of this process.
std::optional<Time> time_of(std::string_view head, Time near);

}  // namespace starttls::mtalog
