// Signals as events of a loop (signalfd(2)).
#pragma once

#include <csignal>
#include <functional>
#include <initializer_list>

#include "base/file.h"
#include "base/result.h"
#include "event/loop.h"

namespace starttls::service {

class Signals {
 public:
  // Blocks the signals in the calling thread, and so in all threads that it starts later. To be called before
  // any other thread is started. Fault::unavailable.
  static Result<UniqueFd> block(std::initializer_list<int> numbers);
  // Calls `arrived` with the number of each signal, in the loop's thread.
  Signals(event::Loop& loop, UniqueFd descriptor, std::function<void(int)> arrived);

 private:
  void read();

  UniqueFd descriptor_;
  std::function<void(int)> arrived_;
  event::DescriptorWatcher watch_;
};

}  // namespace starttls::service
