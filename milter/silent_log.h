// Detects that nothing is read from the mail server's log.
#pragma once

#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace starttls::milter {

class SilentLogDetector {
 public:
  // A mail server logs each session. After this time without a line about one, something is wrong.
  static constexpr std::chrono::hours patience{24};

  explicit SilentLogDetector(Time now) : since_(now) {}

  // Must be called from time to time, with the number of lines about sessions that were read so far, and of
  // sessions that were recorded. Returns true once in each day with sessions but without a line.
  bool is_silent(std::uint64_t lines, std::uint64_t sessions, Time now) {
    const bool has_new_line = lines != lines_;
    if (!has_new_line && now - since_ < patience && now >= since_) return false;
    const bool is_silent = !has_new_line && now >= since_ && sessions > sessions_;
    lines_ = lines;
    sessions_ = sessions;
    since_ = now;
    return is_silent;
  }

 private:
  Time since_;  // of the last line, or warning
  std::uint64_t lines_ = 0;
  std::uint64_t sessions_ = 0;  // at that time
};

}  // namespace starttls::milter
