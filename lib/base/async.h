// Work that is done while its caller does something else.
#pragma once

#include <future>
#include <memory>
#include <system_error>
#include <utility>

namespace starttls {

// Starts the work on another thread. Where no thread can be had, it is done when its result is asked for: a
// thread only saves time. As with std::async, the future's destructor waits.
template <class Work>
auto run_async(Work work) {
  const auto shared = std::make_shared<Work>(std::move(work));
  const auto run = [shared] { return (*shared)(); };
  try {
    return std::async(std::launch::async, run);
  } catch (const std::system_error&) {
    return std::async(std::launch::deferred, run);
  }
}

}  // namespace starttls
