#include "event/run_each.h"

#include <algorithm>
#include <chrono>

#include "event/loop.h"
#include "support.h"

using namespace starttls;
using event::Task;
using namespace std::chrono_literals;

namespace {

// Work that takes a little time, and remembers what was done.
class Scene {
 public:
  // Every third ends at once.
  Task<bool> work(std::size_t index) {
    started.push_back(index);
    most = std::max(most, ++running);
    if (index % 3 != 0) co_await event::sleep_for(loop, 1ms);
    --running;
    co_return index != bad;
  }

  bool run(std::size_t number, std::size_t at_once) {
    return loop.run_until_complete(
        event::run_each(number, at_once, [this](std::size_t index) { return work(index); }));
  }

  event::Loop loop;
  std::vector<std::size_t> started;
  std::size_t running = 0;
  std::size_t most = 0;
  std::size_t bad = 1'000;  // this one returns false
};

}  // namespace

TEST_CASE("each is run once, in order, so many at the same time") {
  Scene scene;
  CHECK(scene.run(20, 4));
  CHECK(scene.started.size() == 20);
  CHECK(std::ranges::is_sorted(scene.started));
  CHECK(scene.most == 4);
  CHECK(scene.running == 0);
}

TEST_CASE("few, none, and none at the same time") {
  for (const std::size_t number : {0U, 1U, 3U}) {
    Scene scene;
    CHECK(scene.run(number, 100));
    CHECK(scene.started.size() == number);
  }
  Scene scene;
  CHECK(scene.run(5, 0));
  CHECK(scene.started.size() == 5);
  CHECK(scene.most == 1);
}

TEST_CASE("where one returns false no other is started, and those that run end") {
  Scene scene;
  scene.bad = 4;
  CHECK_FALSE(scene.run(1'000, 3));
  CHECK(scene.started.size() < 10);
  CHECK(scene.running == 0);
}
