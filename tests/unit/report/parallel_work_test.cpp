#include "report/parallel_work.h"

#include <algorithm>
#include <atomic>
#include <barrier>
#include <latch>
#include <mutex>
#include <new>
#include <set>
#include <thread>

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

constexpr auto forever = std::chrono::hours(1);

}  // namespace

TEST_CASE("work that hangs at one place delays no other") {
  std::latch honest(1);
  std::set<std::size_t> ended;
  const std::vector<std::string> places{"tarpit", "tarpit", "tarpit", "honest"};
  const WorkListener listener{.prepare = [&](std::size_t index) -> Result<Work> {
                                return [&, index](std::chrono::milliseconds) -> Result<void> {
                                  if (index == 3) {
                                    honest.count_down();
                                    return {};
                                  }
                                  honest.wait();  // the tarpit continues once the honest one was served
                                  return fail(Fault::temporary, "slow");
                                };
                              },
                              .ended = [&](std::size_t index, const Result<void>& done) -> Result<void> {
                                CHECK(done.has_value() == (index == 3));
                                ended.insert(index);
                                return {};
                              }};
  CHECK(good(run_in_parallel(places, {.max_concurrent = 2, .max_time = forever}, listener)) == 0);
  CHECK(ended == std::set<std::size_t>{0, 1, 2, 3});
}

TEST_CASE("at most the allowed number runs at once, one for each place, and no fewer") {
  std::mutex mutex;
  std::multiset<std::string> going;
  std::size_t most = 0;
  std::vector<std::string> places;
  for (int number = 0; number < 30; ++number) places.push_back(fmt::format("host{}", number % 10));
  std::barrier together(5);  // all five that are allowed are there at once
  const WorkListener listener{.prepare = [&](std::size_t index) -> Result<Work> {
                                return [&, index](std::chrono::milliseconds) -> Result<void> {
                                  {
                                    const std::lock_guard lock(mutex);
                                    going.insert(places[index]);
                                    most = std::max(most, going.size());
                                    for (const std::string& place : going) CHECK(going.count(place) == 1);
                                  }
                                  together.arrive_and_wait();
                                  const std::lock_guard lock(mutex);
                                  going.erase(going.find(places[index]));
                                  return {};
                                };
                              },
                              .ended = [](std::size_t, const Result<void>& done) { return done; }};
  CHECK(good(run_in_parallel(places, {.max_concurrent = 5, .max_time = forever}, listener)) == 0);
  CHECK(most == 5);
}

TEST_CASE("no work starts after the time limit, and each gets the remaining time") {
  std::size_t begun = 0;
  std::atomic<std::size_t> too_long = 0;
  const WorkListener listener{.prepare = [&](std::size_t) -> Result<Work> {
                                ++begun;
                                return [&](std::chrono::milliseconds left) -> Result<void> {
                                  if (left > 50ms) ++too_long;
                                  std::this_thread::sleep_for(left);
                                  return {};
                                };
                              },
                              .ended = [](std::size_t, const Result<void>& done) { return done; }};
  const std::vector<std::string> places{"a", "b", "a", "c"};
  const std::size_t left = good(run_in_parallel(places, {.max_concurrent = 2, .max_time = 50ms}, listener));
  CHECK(left == 4 - begun);
  CHECK(begun <= 2);
  CHECK(too_long == 0);
  CHECK(good(run_in_parallel(places, {.max_concurrent = 2, .max_time = 0ms}, listener)) == 4);
}

TEST_CASE("an error of the caller stops the work, and an error of the work does not") {
  int ended = 0;
  WorkListener listener{.prepare = [](std::size_t) -> Result<Work> {
                          return [](std::chrono::milliseconds) -> Result<void> { throw std::bad_alloc(); };
                        },
                        .ended = [&](std::size_t, const Result<void>& done) -> Result<void> {
                          CHECK(bad(done).fault == Fault::temporary);
                          if (++ended == 2) return fail(Fault::io, "the disk is full");
                          return {};
                        }};
  const std::vector<std::string> places{"a", "a", "a", "a"};
  CHECK(bad(run_in_parallel(places, {.max_concurrent = 3, .max_time = forever}, listener)).message ==
        "the disk is full");
  CHECK(ended == 2);
}
