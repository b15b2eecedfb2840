// The event loop of one thread, on libevent (event_base_new(3)): timers, readiness of descriptors, work
// posted by other threads, and tasks.
//
//     event::Loop loop;
//     const Answer answer = loop.run_until_complete(ask_all(...));  // a command: until the task has its result
//     loop.run();                                                   // a daemon: until stop()
//
// Everything but post() and stop() belongs to the thread that runs the loop. Callbacks may destroy the Timer
// or DescriptorWatcher that called them.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "event/task.h"

struct event_base;

namespace starttls::event {

// What the loop waits for. Hides libevent's struct event, whose name is that of this namespace.
class Registration;

// A function that is called once.
using Work = std::move_only_function<void()>;

class Loop {
 public:
  // Aborts the program if the system has no descriptor or memory for it: no program can work without.
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Drops posted work that has not run.
  ~Loop();

  // Waits for events and calls their callbacks, until stop().
  void run();

  // Ends run() after the present callback. From any thread; before run(), it makes run() return at once.
  void stop();

  // Runs the work in the loop's thread, in the order of the calls. From any thread. From the loop's own
  // thread, the work runs after the present callback has returned.
  void post(Work work);

  // Runs the loop until the task has its result, also across calls of stop().
  template <class T>
  T run_until_complete(Task<T> task) {
    std::optional<T> result;
    spawn(complete_with(std::move(task), result));
    while (!result) run();
    return std::move(*result);
  }

  // For libraries that use libevent themselves (libunbound) or need its events (libcurl).
  event_base* base() const { return base_.get(); }

 private:
  class Mailbox;

  template <class T>
  Task<> complete_with(Task<T> task, std::optional<T>& result) {
    result.emplace(co_await task);
    stop();
  }

  std::unique_ptr<event_base, void (*)(event_base*)> base_;
  std::unique_ptr<Mailbox> mailbox_;
};

// Calls back once, after some time of the monotonic clock, unless it is stopped or destroyed before.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> expired);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Restarts a running timer.
  void start(std::chrono::milliseconds after);
  void stop();

 private:
  std::function<void()> expired_;
  std::unique_ptr<Registration> registration_;
};

// Calls back whenever a descriptor is ready, as long as this object exists. Does not own the descriptor.
class DescriptorWatcher {
 public:
  enum class For { reading, writing };

  DescriptorWatcher(Loop& loop, int descriptor, For what, std::function<void()> ready);
  DescriptorWatcher(const DescriptorWatcher&) = delete;
  DescriptorWatcher& operator=(const DescriptorWatcher&) = delete;
  ~DescriptorWatcher();

 private:
  std::function<void()> ready_;
  std::unique_ptr<Registration> registration_;
};

// co_await sleep_for(loop, 5s)
Task<> sleep_for(Loop& loop, std::chrono::milliseconds time);

}  // namespace starttls::event
