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

#include "http/concurrency_limiter.h"

namespace starttls::report {
namespace {

using Clock = std::chrono::steady_clock;

struct Done {
  std::size_t index = 0;
  Result<void> result;
};

// What the threads have done and nobody has been told yet.
class DoneQueue {
 public:
  void add(Done done) {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(std::move(done));
    }
    waiting_.notify_one();
  }
  // Waits for one.
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

// What no one can foresee, such as want of memory, concerns one piece of work only.
Result<void> guarded(const Work& work, std::chrono::milliseconds time_left) try {
  return work(time_left);
} catch (const std::exception& error) {
  return fail(Fault::temporary, "{}", error.what());
}

class ParallelRun {
 public:
  ParallelRun(const std::vector<std::string>& places, const ParallelLimits& bounds,
              const WorkListener& listener)
      : places_(places),
        listener_(listener),
        end_(Clock::now() + bounds.max_time),
        limiter_({.max_concurrent = bounds.max_at_once, .max_per_address = 1}) {
    for (std::size_t index = 0; index < places.size(); ++index) {
      (void)limiter_.enqueue({.address = places[index], .network = places[index]}, index, Clock::now());
    }
  }

  Result<std::size_t> run() {
    std::size_t begun = 0;
    Result<void> trouble;
    while (true) {
      while (trouble && time_left().count() > 0) {
        const auto turn = limiter_.try_start(Clock::now());
        if (!turn) break;
        tickets_[turn->item] = turn->ticket;
        trouble = begin(turn->item);
        if (trouble) ++begun;
      }
      if (threads_.empty()) break;
      const Done done = done_.take();
      threads_.erase(done.index);
      limiter_.release(tickets_.at(done.index));
      auto told = listener_.ended(done.index, done.result);
      if (trouble) trouble = std::move(told);
    }
    if (!trouble) return std::unexpected(trouble.error());
    return places_.size() - begun;
  }

 private:
  std::chrono::milliseconds time_left() const {
    return std::max(std::chrono::floor<std::chrono::milliseconds>(end_ - Clock::now()),
                    std::chrono::milliseconds{0});
  }

  Result<void> begin(std::size_t index) {
    auto prepared = listener_.prepare(index);
    if (!prepared) return std::unexpected(prepared.error());
    const auto work = [this, index, work = std::move(*prepared), left = time_left()] {
      done_.add({.index = index, .result = guarded(work, left)});
    };
    std::jthread thread;
    try {
      thread = std::jthread(work);
    } catch (const std::system_error&) {
      work();  // no thread can be had
    }
    threads_.emplace(index, std::move(thread));
    return {};
  }

  const std::vector<std::string>& places_;
  const WorkListener& listener_;
  Clock::time_point end_;
  http::ConcurrencyLimiter<std::size_t> limiter_;
  std::map<std::size_t, http::ConcurrencyLimiter<std::size_t>::Ticket>
      tickets_;  // of what goes, by its index
  DoneQueue done_;
  std::map<std::size_t, std::jthread> threads_;  // the last member: they use the others
};

}  // namespace

Result<std::size_t> run_in_parallel(const std::vector<std::string>& places, const ParallelLimits& bounds,
                                    const WorkListener& listener) {
  return ParallelRun(places, bounds, listener).run();
}

}  // namespace starttls::report
