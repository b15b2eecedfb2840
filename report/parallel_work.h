// Runs pieces of work in parallel that mostly wait for servers, such as deliveries: a limited number at the
// same time, one for each server, until a time limit.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"

namespace starttls::report {

struct ParallelLimits {
  std::size_t max_concurrent = 1;
  std::chrono::milliseconds max_time;
};

// A piece of work. It runs in a thread of its own and must return within `time_left`.
using Work = std::function<Result<void>(std::chrono::milliseconds time_left)>;

// Called in the thread of run_in_parallel(), with an index into its `servers`.
struct WorkListener {
  std::function<Result<Work>(std::size_t index)> prepare;
  std::function<Result<void>(std::size_t index, const Result<void>& done)> ended;
};

// Runs one piece of work for each entry of `servers`, in their order, but skips servers that are busy. No
// work is started after the time limit; returns how many were not started. If the listener fails, no more
// work is started, and its error is returned after all running work has ended.
Result<std::size_t> run_in_parallel(const std::vector<std::string>& servers, const ParallelLimits& limits,
                                    const WorkListener& listener);

}  // namespace starttls::report
