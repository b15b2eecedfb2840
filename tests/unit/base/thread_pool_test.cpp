#include "base/thread_pool.h"

#include <atomic>
#include <latch>
#include <stdexcept>

#include "support.h"

using namespace starttls;

TEST_CASE("work is done and its result returned, whatever the number of threads") {
  for (const std::size_t max : {0U, 1U, 2U, 100U}) {
    ThreadPool workers(max);
    std::vector<std::future<std::size_t>> results;
    for (std::size_t i = 0; i < 1'000; ++i) results.push_back(workers.submit([i] { return i * i; }));
    for (std::size_t i = 0; i < results.size(); ++i) CHECK(results[i].get() == i * i);
  }
}

TEST_CASE("one thread does its work in the order of submission") {
  std::vector<int> done;
  ThreadPool workers(1);
  std::future<void> last;
  for (int i = 0; i < 100; ++i) last = workers.submit([&done, i] { done.push_back(i); });
  last.get();
  CHECK(done.size() == 100);
  CHECK(std::ranges::is_sorted(done));
}

TEST_CASE("an exception of work is in its future, and the thread continues") {
  ThreadPool workers(1);
  auto bad = workers.submit([]() -> int { throw std::runtime_error("no"); });
  auto good = workers.submit([] { return 1; });
  CHECK_THROWS_AS(bad.get(), std::runtime_error);
  CHECK(good.get() == 1);
}

TEST_CASE("the destructor waits for started work and drops the rest") {
  std::atomic<int> begun = 0;
  std::latch first_begun(1);
  std::latch go_on(1);
  std::future<void> first;
  std::future<void> second;
  {
    std::jthread let_go;
    ThreadPool workers(1);
    first = workers.submit([&] {
      ++begun;
      first_begun.count_down();
      go_on.wait();
    });
    second = workers.submit([&] { ++begun; });
    first_begun.wait();
    let_go = std::jthread([&] { go_on.count_down(); });
  }
  first.get();
  CHECK(begun <= 2);
  if (begun == 1) CHECK_THROWS_AS(second.get(), std::future_error);
}
