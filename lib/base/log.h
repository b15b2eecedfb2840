// The log: one line an event, to standard error or to syslog. Where standard error is systemd's journal, each
// line has its priority in front (journal.h), and neither time nor name.
//
// Callers write spdlog::info("...", ...) and so on. What comes from outside goes through printable() first.
#pragma once

#include <spdlog/spdlog.h>

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"

namespace starttls {

enum class LogTarget {
  standard_error,  // with time and process, for a service in the foreground
  command,  // to standard error in the form of print_warning(): "PROGRAM: warning: ..."; warnings and errors
            // only
  syslog,
};

// Sets where the process logs from now on; syslog lines go to facility "mail" (syslog(3)).
void start_log(const std::string& program, LogTarget target);

// "debug", "info", "warning" or "error"; Fault::config else.
Result<void> set_log_level(std::string_view level);

// Lets one occurrence through per minute and counts the rest, so that a failure that repeats for every
// session fills no disk. Thread-safe.
class OncePerMinute {
 public:
  // Nothing where this occurrence is to stay silent; else how many were silent since the last one let
  // through.
  std::optional<std::uint64_t> permit(Time now);

 private:
  std::mutex mutex_;
  std::optional<Time> last_;
  std::uint64_t silent_ = 0;
};

}  // namespace starttls
