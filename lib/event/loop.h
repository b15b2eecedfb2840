// The event loop of one thread, on libevent (event_base_new(3)): timers, readiness of descriptors, work
// handed over by other threads, and tasks.
//
//     event::Loop loop;
//     const Answer answer = loop.run_until_complete(ask_all(...));       a command: until the task has its
//     result loop.run();                                            a daemon: until stop()
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

struct event;
struct event_base;

namespace starttls::event {

// Work that is done once.
using Work = std::move_only_function<void()>;

class Loop {
 public:
  // The program ends where the system has no descriptor or memory for it: nothing goes without.
  Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // Work that was posted and not yet done is dropped.
  ~Loop();

  // Waits for events and serves them, until stop().
  void run();

  // Ends run(), after what is being done now. From any thread; also before run(), which then ends at once.
  void stop();

  // Has the loop's thread do it, soon and in the order of the calls. From any thread, and from its own: then
  // it is done once the present callback has returned.
  void post(Work work);

  // Runs the loop until the task has its result, whatever else stops it meanwhile.
  template <class T>
  T run_until_complete(Task<T> task) {
    std::optional<T> result;
    spawn(complete_with(std::move(task), result));
    while (!result) run();
    return std::move(*result);
  }

  // For the rooms around libraries that bring their own events (libunbound, libcurl).
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

// Calls back once, some time from now, unless it is stopped or destroyed before. By the monotonic clock.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> expired);
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  ~Timer();

  // Starts anew where it is running.
  void start(std::chrono::milliseconds after);
  void stop();

 private:
  std::function<void()> expired_;
  std::unique_ptr<::event, void (*)(::event*)> event_;
};

// Calls back whenever a descriptor is ready, for as long as it lives. It does not own the descriptor.
class DescriptorWatcher {
 public:
  enum class For { reading, writing };

  DescriptorWatcher(Loop& loop, int descriptor, For what, std::function<void()> ready);
  DescriptorWatcher(const DescriptorWatcher&) = delete;
  DescriptorWatcher& operator=(const DescriptorWatcher&) = delete;
  ~DescriptorWatcher();

 private:
  std::function<void()> ready_;
  std::unique_ptr<::event, void (*)(::event*)> event_;
};

// co_await sleep_for(loop, 5s)
Task<> sleep_for(Loop& loop, std::chrono::milliseconds time);

}  // namespace starttls::event
