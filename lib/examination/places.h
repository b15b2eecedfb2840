// Places for coroutines: at most so many run at the same time, further ones wait for their turn. Internal to this
// component.
//
//     co_await places.take();
//     ...
//     places.give_back();
#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>

#include "event/task.h"

namespace starttls::examination {

class Places {
 public:
  // 0 counts as 1: else nothing could run.
  explicit Places(std::size_t number) : free_(std::max<std::size_t>(number, 1)) {}
  Places(const Places&) = delete;
  Places& operator=(const Places&) = delete;
  ~Places() = default;

  event::Task<bool> take() {
    if (free_ > 0) {
      --free_;
      co_return true;
    }
    event::Completion<bool> turn;
    waiting_.push_back(&turn);
    const bool has_place = co_await turn;
    co_return has_place;
  }

  // The next coroutines resume inside. One that gives its place back at once does not start others inside itself: so
  // the stack does not grow with their number.
  void give_back() {
    ++free_;
    if (is_giving_) return;
    is_giving_ = true;
    while (free_ > 0 && !waiting_.empty()) {
      --free_;
      event::Completion<bool>* const next = waiting_.front();
      waiting_.pop_front();
      next->complete(true);
    }
    is_giving_ = false;
  }

 private:
  std::size_t free_;
  std::deque<event::Completion<bool>*> waiting_;
  bool is_giving_ = false;
};

}  // namespace starttls::examination
