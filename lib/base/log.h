// The log: one line an event, to standard error or to syslog. Where standard error is systemd's journal, each
// line has its priority in front (journal.h), and neither time nor name.
//
//     log_warning("{}: cannot be read: {}", file, reason);
//
// Escape texts from outside with printable() first. Thread-safe, but for start_log().
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/guarded.h"
#include "base/result.h"

namespace starttls {

enum class LogTarget {
  standard_error,  // with time and process, for a service in the foreground
  // To standard error in the form of print_warning(): "PROGRAM: warning: ..."; warnings and errors only.
  command,
  syslog,
};

enum class LogLevel { debug, info, warning, error, off };

// Sets where the process logs from now on. For syslog, the facility is "mail" (syslog(3)).
void start_log(const std::string& program, LogTarget target);

// Lines below it are not logged.
void set_log_level(LogLevel level);

// Passes all lines to a function, one at a time, while this object exists; for tests.
class LogCapture {
 public:
  using Write = std::function<void(LogLevel, std::string_view)>;
  explicit LogCapture(Write write);
  LogCapture(const LogCapture&) = delete;
  LogCapture& operator=(const LogCapture&) = delete;
  ~LogCapture();
};

void log_line(LogLevel level, fmt::string_view format, fmt::format_args args);

template <class... Args>
void log_debug(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::debug, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_info(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::info, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_warning(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::warning, format, fmt::make_format_args(args...));
}
template <class... Args>
void log_error(fmt::format_string<Args...> format, Args&&... args) {
  log_line(LogLevel::error, format, fmt::make_format_args(args...));
}

// Permits one occurrence per minute and counts the rest, so that a failure that repeats for every session
// does not fill the disk. Thread-safe.
class OncePerMinute {
 public:
  // Returns nothing if this occurrence must not be logged. Otherwise it returns how many were not logged
  // since the last one that was.
  std::optional<std::uint64_t> permit(Time now);

 private:
  struct State {
    std::optional<Time> last;
    std::uint64_t silent = 0;
  };
  Guarded<State> state_;
};

}  // namespace starttls
