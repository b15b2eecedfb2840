// Does one thing to each of many, some at the same time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <utility>
#include <vector>

#include "event/task.h"

namespace starttls::event {
namespace detail {

struct Turns {
  std::size_t number;
  std::function<Task<bool>(std::size_t)> work;
  std::size_t next = 0;
  bool goes_on = true;
};

inline Task<bool> take_turns(Turns& turns) {
  while (turns.goes_on && turns.next < turns.number) {
    const bool goes_on = co_await turns.work(turns.next++);
    turns.goes_on = turns.goes_on && goes_on;
  }
  co_return true;
}

}  // namespace detail

// Runs work(0), work(1), ... work(number - 1), started in this order, `at_once` (1 or more) of them at the same time.
// Once one has returned false, no other is started. Ends when all that were started have ended; returns whether each
// returned true.
inline Task<bool> run_each(std::size_t number, std::size_t at_once,
                           std::function<Task<bool>(std::size_t)> work) {
  detail::Turns turns{.number = number, .work = std::move(work)};
  std::vector<Task<bool>> workers;
  const std::size_t most = std::min(number, std::max<std::size_t>(at_once, 1));
  workers.reserve(most);
  for (std::size_t i = 0; i < most; ++i) workers.push_back(detail::take_turns(turns));
  co_await when_all(std::move(workers));
  co_return turns.goes_on;
}

}  // namespace starttls::event
