#include "event/loop.h"

#include <unistd.h>

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include "support.h"

using namespace starttls;
using event::Loop;
using namespace std::chrono_literals;

TEST_CASE("work that other threads post runs in the loop's thread, the work of each thread in its order") {
  Loop loop;
  constexpr int each = 1000;
  std::array<std::vector<int>, 3> seen;
  std::thread::id where;
  int left = each * static_cast<int>(seen.size());
  std::vector<std::thread> threads;
  for (auto& of_thread : seen) {
    threads.emplace_back([&loop, &of_thread, &left, &where] {
      for (int i = 0; i < each; ++i) {
        loop.post([&, i] {
          of_thread.push_back(i);
          where = std::this_thread::get_id();
          if (--left == 0) loop.stop();
        });
      }
    });
  }
  loop.run();
  for (auto& thread : threads) thread.join();
  for (const auto& of_thread : seen) {
    REQUIRE(of_thread.size() == each);
    CHECK(std::ranges::is_sorted(of_thread));
  }
  CHECK(where == std::this_thread::get_id());
}

TEST_CASE("work that did not run is freed with the loop") {
  const auto held = std::make_shared<int>(0);
  {
    Loop loop;
    loop.post([held] {});
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

TEST_CASE("a loop that was stopped before it ran returns at once") {
  Loop loop;
  loop.stop();
  loop.run();
  SUCCEED();
}

TEST_CASE("a timer that is stopped or destroyed calls nothing") {
  Loop loop;
  std::string called;
  event::Timer stopped(loop, [&] { called += "stopped "; });
  auto destroyed = std::make_unique<event::Timer>(loop, [&] { called += "destroyed "; });
  event::Timer last(loop, [&] {
    called += "last";
    loop.stop();
  });
  stopped.start(0ms);
  destroyed->start(0ms);
  last.start(5ms);
  stopped.stop();
  destroyed.reset();
  loop.run();
  CHECK(called == "last");
}

TEST_CASE("a timer may destroy itself in its callback") {
  Loop loop;
  std::unique_ptr<event::Timer> timer;
  timer = std::make_unique<event::Timer>(loop, [&] {
    timer.reset();
    loop.stop();
  });
  timer->start(0ms);
  loop.run();
  CHECK(timer == nullptr);
}

TEST_CASE("a watch calls while there is something to read") {
  Loop loop;
  std::array<int, 2> ends{};
  REQUIRE(::pipe(ends.data()) == 0);
  int calls = 0;
  event::DescriptorWatcher watch(loop, ends[0], event::DescriptorWatcher::For::reading, [&] {
    char byte = 0;
    REQUIRE(::read(ends[0], &byte, 1) == 1);
    if (++calls == 2) loop.stop();
  });
  REQUIRE(::write(ends[1], "ab", 2) == 2);
  loop.run();
  CHECK(calls == 2);
  ::close(ends[0]);
  ::close(ends[1]);
}
