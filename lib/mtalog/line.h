// A line of the mail log: who wrote it, when, and what.
//
//   Nov 26 16:40:06 mx postfix/smtpd[123]: connect from ...          syslog's old form (RFC 3164), local
//   time;
//                                                                    also Postfix' maillog_file
//   2026-11-26T16:40:06.123456+01:00 mx postfix/smtpd[123]: ...      its form with RFC 3339 stamps; offsets
//   may
//                                                                    be "+0100", "+01" or missing (local
//                                                                    time)
//   <34>1 2026-11-26T15:40:06Z mx postfix/smtpd 123 - - ...          RFC 5424; without "<34>", or "<34>1 ",
//   too
//
// "<22>" may stand in front of each, and Solaris' "[ID 197553 mail.info]" in front of the message.
#pragma once

#include <optional>
#include <string_view>
#include <variant>

#include "base/clock.h"

namespace starttls::mtalog {

// A stamp without time zone, and perhaps without a year. Its time is found by LocalTimes.
struct LocalStamp {
  int year = 0;  // 0: none was given
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
  std::string_view process;  // "123"; empty where the program gave none
  std::string_view message;
  std::variant<Time, LocalStamp> stamp;
};

// Nothing where the line has no form of the above. Costs little, as most lines are of no interest. What
// another program quotes from outside is in its message, whatever it looks like.
std::optional<Line> split(std::string_view line);

}  // namespace starttls::mtalog
