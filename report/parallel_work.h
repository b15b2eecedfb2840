// Work that mostly waits for others, such as deliveries, done side by side: so many at once, one for each
// place, until its time is over.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace starttls::report {

struct ParallelLimits {
  std::size_t max_at_once = 1;
  std::chrono::milliseconds max_time;
};

// What is done of a piece of work. It runs in a thread of its own and must end by itself, after `time_left`
// at the latest.
using Work = std::function<Result<void>(std::chrono::milliseconds time_left)>;

// What is asked and told in the thread of the caller, `index` by `index` of the places.
struct WorkListener {
  std::function<Result<Work>(std::size_t index)> prepare;
  std::function<Result<void>(std::size_t index, const Result<void>& done)> ended;
};

// Works for all places, in their order as far as each is free. Nothing is begun once the time is over; the
// number of what was not begun. Where the listener fails, nothing more is begun, and its error is given once
// all that was begun has ended.
Result<std::size_t> run_in_parallel(const std::vector<std::string>& places, const ParallelLimits& bounds,
                                    const WorkListener& listener);

}  // namespace starttls::report
