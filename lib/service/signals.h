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
  // Blocks the signals in the calling thread, and so in all that it starts afterwards; `arrived` is called
  // with the number of each. To be made before any other thread is. Fault::unavailable.
  static Result<UniqueFd> block(std::initializer_list<int> numbers);
  Signals(event::Loop& loop, UniqueFd descriptor, std::function<void(int)> arrived);

 private:
  void read();

  UniqueFd descriptor_;
  std::function<void(int)> arrived_;
  event::DescriptorWatcher watch_;
};

}  // namespace starttls::service
