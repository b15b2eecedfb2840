// Finds the times of a log whose stamps have no time zone.
//
// Such a stamp can mean several times: one in each year where it has no year, and two in the hour that
// happens twice when summer time ends. Of a line that was just written it is the one nearest to now. Of one
// that is read later, it is the first that fits after the line before it: a log grows in the order of time.
#pragma once

#include <chrono>
#include <optional>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "mtalog/line.h"

namespace starttls::mtalog {

class LocalTimes {
 public:
  // The maximum age of a new line when it is read.
  static constexpr std::chrono::minutes max_delay{10};
  // A stamp may be so much earlier than the one before it, because processes write at their own pace.
  static constexpr std::chrono::minutes max_disorder{5};
  // A stamp may be so far ahead of the clock.
  static constexpr std::chrono::hours max_ahead{24};

  // `last`: the time of the line before the first one; none: unknown.
  explicit LocalTimes(std::optional<Time> last = std::nullopt) : last_(last) {}

  // The time of the next line, in the time zone of this process (tzset(3)). `is_new`: the line was written
  // after reading began. Nothing where there is no such day in the calendar.
  std::optional<Time> resolve(const std::variant<Time, LocalStamp>& stamp, Time now, bool is_new);

  // Of the last line.
  std::optional<Time> last() const { return last_; }

 private:
  std::optional<Time> choose(const LocalStamp& stamp, Time now, bool is_new);
  const std::vector<Time>& minute_begins(const LocalStamp& stamp, int near_year);

  std::optional<Time> last_;
  // The result for the last minute: most lines are of the same minute as the line before.
  LocalStamp minute_;
  int near_year_ = 0;
  std::vector<Time> begins_;
};

}  // namespace starttls::mtalog
