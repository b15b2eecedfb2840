#include "event/task.h"

#include <memory>
#include <string>

#include "event/loop.h"
#include "support.h"

using namespace starttls;
using event::Task;
using namespace std::chrono_literals;

namespace {

Task<std::string> late(event::Loop& loop, std::chrono::milliseconds time, std::string text) {
  co_await event::sleep_for(loop, time);
  co_return text;
}

Task<std::size_t> length_of(event::Loop& loop) {
  const std::string text = co_await late(loop, 1ms, "seven..");
  co_return text.size();
}

Task<> set(bool& flag) {
  flag = true;
  co_return;
}

Task<std::size_t> chain(std::size_t links) {
  if (links == 0) co_return 0;
  co_return 1 + co_await chain(links - 1);
}

}  // namespace

TEST_CASE("a task gives its result to the task that awaits it") {
  event::Loop loop;
  CHECK(loop.run_until_complete(length_of(loop)) == 7);
}

TEST_CASE("a task that nobody awaits never starts") {
  bool flag = false;
  {
    const Task<> never = set(flag);
  }
  CHECK_FALSE(flag);
  event::spawn(set(flag));
  CHECK(flag);
}

TEST_CASE("a task that never had to wait does not end the next one early") {
  event::Loop loop;
  CHECK(loop.run_until_complete(chain(0)) == 0);
  CHECK(loop.run_until_complete(length_of(loop)) == 7);
}

TEST_CASE("results arrive in the order of the tasks, whichever ends first") {
  event::Loop loop;
  std::vector<Task<std::string>> tasks;
  tasks.push_back(late(loop, 20ms, "slow"));
  tasks.push_back(late(loop, 0ms, "fast"));
  CHECK(loop.run_until_complete(event::when_all(std::move(tasks))) ==
        std::vector<std::string>{"slow", "fast"});
  CHECK(loop.run_until_complete(event::when_all(std::vector<Task<std::string>>{})).empty());
}

TEST_CASE("a result that is already there is not waited for") {
  event::Loop loop;
  const auto waiting = [](event::Completion<std::unique_ptr<int>>& completion) -> Task<int> {
    const auto arrived = co_await completion;
    co_return *arrived;
  };
  event::Completion<std::unique_ptr<int>> early;
  early.complete(std::make_unique<int>(1));
  CHECK(loop.run_until_complete(waiting(early)) == 1);
  event::Completion<std::unique_ptr<int>> late_one;
  loop.post([&] { late_one.complete(std::make_unique<int>(2)); });
  CHECK(loop.run_until_complete(waiting(late_one)) == 2);
}

TEST_CASE("tasks may await one another some levels deep") {
  event::Loop loop;
  CHECK(loop.run_until_complete(chain(100)) == 100);
}
