// A few threads that run submitted tasks.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/guarded.h"

namespace starttls {

class ThreadPool {
 public:
  // One thread for each processor, but at most `max`. Where none can be created, submit() runs the task.
  explicit ThreadPool(std::size_t max);
  // Waits for running tasks. Those that have not begun are dropped: their futures throw std::future_error.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // Tasks begin in the order in which they are submitted.
  template <class Work>
  std::future<std::invoke_result_t<Work&>> submit(Work work) {
    std::packaged_task<std::invoke_result_t<Work&>()> task(std::move(work));
    auto result = task.get_future();
    add(std::move(task));
    return result;
  }

 private:
  using Task = std::move_only_function<void()>;

  void add(Task task);
  void work(const std::stop_token& stop);

  std::condition_variable_any submitted_;
  Guarded<std::deque<Task>> tasks_;
  std::vector<std::jthread> threads_;  // the last member: they use the others
};

}  // namespace starttls
