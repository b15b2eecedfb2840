// Work on another thread.
#pragma once

#include <future>
#include <memory>
#include <system_error>
#include <utility>

namespace starttls {

// Starts the work on another thread. If no thread can be created, get() and wait() of the future do the work:
// a thread only saves time. As with std::async, the future's destructor waits.
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
