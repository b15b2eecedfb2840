// Time is UTC and comes from one place, as an argument, so that a test can bring its own.
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

// The system's clock.
Clock system_clock();

// The clock of a program: the system's, or, where the environment variable STARTTLS_TOOLKIT_NOW holds an
// RFC 3339 time, that moment for ever, or, where it holds the path of a file, the time in the file's first
// line, whenever it is asked. Fault::usage where it holds something else.
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
