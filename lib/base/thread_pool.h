// A few threads that do what they are given, for as long as their owner is there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <stop_token>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace starttls {

class ThreadPool {
 public:
  // One thread for each processor, but at most so many. Where none can be had, work is done by who gives it.
  explicit ThreadPool(std::size_t most);
  // Waits for what has begun. What has not is never done, and its future says so.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  // In the order in which it is given.
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

  std::mutex mutex_;
  std::condition_variable_any waiting_;
  std::deque<Task> tasks_;
  std::vector<std::jthread> threads_;  // the last member: they use the others
};

}  // namespace starttls
