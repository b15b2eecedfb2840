#include "base/thread_pool.h"

#include <algorithm>
#include <system_error>

namespace starttls {

ThreadPool::ThreadPool(std::size_t max) {
  const std::size_t processors = std::max(std::thread::hardware_concurrency(), 1U);
  while (threads_.size() < std::min(processors, max)) {
    try {
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    } catch (const std::system_error&) {
      break;  // the pool works with fewer threads
    }
  }
}

ThreadPool::~ThreadPool() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

void ThreadPool::add(Task task) {
  if (threads_.empty()) return task();
  tasks_.lock()->push_back(std::move(task));
  submitted_.notify_one();
}

void ThreadPool::work(const std::stop_token& stop) {
  while (true) {
    Task task;
    {
      auto tasks = tasks_.lock();
      if (!submitted_.wait(tasks, stop, [&] { return !tasks->empty(); }) || stop.stop_requested()) return;
      task = std::move(tasks->front());
      tasks->pop_front();
    }
    task();
  }
}

}  // namespace starttls
