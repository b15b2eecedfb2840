// A line of the mail log: its program, its time and its message, in one of these forms:
//
//   Nov 26 16:40:06 mx postfix/smtpd[123]: connect from ...
//       syslog's old form (RFC 3164), in local time; also Postfix' maillog_file
//   2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd[123]: ...
//       syslog's form with RFC 3339 stamps; the offset may be "+0100", "+01" or missing (local time)
//   <34>1 2026-11-26T15:40:06Z mx postfix/smtpd 123 - - ...
//       RFC 5424; also without "<34>" or "<34>1 "
//
// "<22>" may be before each line, and Solaris' "[ID 197553 mail.info]" before the message.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "base/clock.h"

namespace starttls::mtalog {

// A stamp without time zone, and perhaps without a year. LocalTimes finds its time.
struct LocalStamp {
  int year = 0;  // 0: the stamp has none
  unsigned month = 1;
  unsigned day = 1;
  int hour = 0;
  int minute = 0;
  std::chrono::milliseconds second{0};  // with its fraction; below 61 s

  bool operator==(const LocalStamp&) const = default;
};

// Views into the text of the line.
struct Line {
  std::string_view program;  // "postfix/smtpd"
  std::string_view process;  // "123"; empty where there is none
  std::string_view message;
  std::variant<Time, LocalStamp> stamp;
};

// Nothing where the line has none of these forms. Fast, because most lines are of no interest. What another
// program quotes from outside is part of its message, whatever it looks like.
std::optional<Line> split(std::string_view line);

}  // namespace starttls::mtalog
