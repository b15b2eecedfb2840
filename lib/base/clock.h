// Time is UTC. Functions take the time or a clock as an argument, so that a test can use its own.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

using Time = std::chrono::sys_time<std::chrono::milliseconds>;  // UTC
using Day = std::chrono::sys_days;                              // a UTC day
using Clock = std::function<Time()>;

// How far ahead of the clock a signed file may be dated: time zones and clocks are wrong by hours, not by days. A file
// from the far future would keep every correct later one out, where times only grow.
inline constexpr std::chrono::hours max_ahead_of_clock{24};

// The system's clock.
Clock system_clock();

// The clock of a program: the system's, unless the environment variable STARTTLS_TOOLKIT_NOW is set. Where
// that holds an RFC 3339 time, the clock stands still at it. Where it holds the path of a file, the clock
// shows the time in the file's first line, read at each call. Fault::usage where it holds something else.
Result<Clock> program_clock();

Day to_day(Time time);

// "2026-11-22T14:48:59Z", with ".123" only where the milliseconds are not zero.
std::string to_rfc3339(Time time);

// RFC 3339 section 5.6: any offset, any fraction (cut to milliseconds), upper or lower case; a leap second
// counts as the second before. Years 1970 to 9999. Fault::data on anything else.
Result<Time> parse_rfc3339(std::string_view text);

// "2026-11-22"
std::string to_string(Day day);
Result<Day> parse_day(std::string_view text);

}  // namespace starttls
