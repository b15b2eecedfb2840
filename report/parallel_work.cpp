#include "report/parallel_work.h"

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "base/try.h"
#include "http/concurrency_limiter.h"

namespace starttls::report {
namespace {

using Clock = std::chrono::steady_clock;

struct Done {
  std::size_t index = 0;
  Result<void> result;
};

// Results that the caller's thread has not taken yet.
class DoneQueue {
 public:
  void add(Done done) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(done));
    }
    waiting_.notify_one();
  }
  // Waits for one result.
  Done take() {
    std::unique_lock lock(mutex_);
    waiting_.wait(lock, [this] { return !queue_.empty(); });
    Done done = std::move(queue_.front());
    queue_.pop_front();
    return done;
  }

 private:
  std::mutex mutex_;
  std::condition_variable waiting_;
  std::deque<Done> queue_;
};

// An exception, for example because memory is exhausted, fails only one piece of work.
Result<void> catch_exceptions(const Work& work, std::chrono::milliseconds time_left) try {
  return work(time_left);
} catch (const std::exception& error) {
  return fail(Fault::temporary, "{}", error.what());
}

class ParallelRun {
 public:
  ParallelRun(const std::vector<std::string>& servers, const ParallelLimits& limits,
              const WorkListener& listener)
      : servers_(servers),
        listener_(listener),
        end_(Clock::now() + limits.max_time),
        limiter_({.max_concurrent = limits.max_concurrent, .max_per_address = 1}) {
    for (std::size_t index = 0; index < servers.size(); ++index) {
      (void)limiter_.enqueue({.address = servers[index], .network = servers[index]}, index, Clock::now());
    }
  }

  Result<std::size_t> run() {
    std::size_t started = 0;
    Result<void> status;  // of the listener
    while (true) {
      while (status && time_left().count() > 0) {
        const auto turn = limiter_.try_start(Clock::now());
        if (!turn) break;
        tickets_[turn->item] = turn->ticket;
        status = start(turn->item);
        if (status) ++started;
      }
      if (threads_.empty()) break;
      const Done done = done_.take();
      threads_.erase(done.index);
      limiter_.release(tickets_.at(done.index));
      auto ended = listener_.ended(done.index, done.result);
      if (status) status = std::move(ended);
    }
    TRY(status);
    return servers_.size() - started;
  }

 private:
  std::chrono::milliseconds time_left() const {
    return std::max(std::chrono::floor<std::chrono::milliseconds>(end_ - Clock::now()),
                    std::chrono::milliseconds{0});
  }

  Result<void> start(std::size_t index) {
    const Work prepared = TRY(listener_.prepare(index));
    const auto work = [this, index, prepared, left = time_left()] {
      done_.add({.index = index, .result = catch_exceptions(prepared, left)});
    };
    std::jthread thread;
    try {
      thread = std::jthread(work);
    } catch (const std::system_error&) {
      work();  // no more threads can be started
    }
    threads_.emplace(index, std::move(thread));
    return {};
  }

  const std::vector<std::string>& servers_;
  const WorkListener& listener_;
  Clock::time_point end_;
  http::ConcurrencyLimiter<std::size_t> limiter_;
  std::map<std::size_t, http::ConcurrencyLimiter<std::size_t>::Ticket>
      tickets_;  // of running work, by its index
  DoneQueue done_;
  std::map<std::size_t, std::jthread> threads_;  // the last member: they use the others
};

}  // namespace

Result<std::size_t> run_in_parallel(const std::vector<std::string>& servers, const ParallelLimits& limits,
                                    const WorkListener& listener) {
  return ParallelRun(servers, limits, listener).run();
}

}  // namespace starttls::report
