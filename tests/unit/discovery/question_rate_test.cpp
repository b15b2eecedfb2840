#include "discovery/question_rate.h"

#include "support.h"

using namespace starttls::discovery;
using namespace std::chrono_literals;

namespace {

constexpr QuestionRateLimits limits{.per_second = 10, .burst = 3, .max_wait = 250ms};

struct Scene {
  QuestionRate rate{limits};
  QuestionRate::SteadyTime now{1h};

  std::optional<std::chrono::milliseconds> ask(const std::string& owner = "a.test") {
    return rate.reserve(owner, now);
  }
};

}  // namespace

TEST_CASE("an owner's servers get a burst at once, then the rate of questions a second, and no more") {
  Scene scene;
  for (int i = 0; i < 3; ++i) CHECK(scene.ask() == 0ms);
  CHECK(scene.ask() == 100ms);
  CHECK(scene.ask() == 200ms);
  CHECK_FALSE(scene.ask());
  CHECK_FALSE(scene.ask());
  CHECK(scene.ask("b.test") == 0ms);
  scene.now += 100ms;
  CHECK(scene.ask() == 200ms);
  CHECK_FALSE(scene.ask());
  scene.now += 1h;
  for (int i = 0; i < 3; ++i) CHECK(scene.ask() == 0ms);
  CHECK(scene.ask() == 100ms);
}

TEST_CASE("over a minute, however many ask, the number of questions is that of the rate") {
  Scene scene;
  int asked = 0;
  for (int i = 0; i < 60'000; ++i, scene.now += 1ms) asked += scene.ask() ? 1 : 0;
  CHECK(asked <= 3 + 3 + 600);
  CHECK(asked >= 600);
}

TEST_CASE("unlimited questions count, and delay others no longer than waiting questions do") {
  Scene scene;
  for (int i = 0; i < 1'000; ++i) scene.rate.count("a.test", scene.now);
  CHECK_FALSE(scene.ask());
  scene.now += 100ms;
  CHECK(scene.ask() == 250ms);
}

TEST_CASE("an answer is known until its TTL is over, and no longer than an hour") {
  Scene scene;
  CHECK_FALSE(scene.rate.is_known("1 mx.a.test", scene.now));
  scene.rate.remember("1 mx.a.test", 60s, scene.now);
  scene.rate.remember("1 mx.b.test", 48h, scene.now);
  scene.rate.remember("1 mx.c.test", 0s, scene.now);
  CHECK(scene.rate.is_known("1 mx.a.test", scene.now + 59s));
  CHECK_FALSE(scene.rate.is_known("1 mx.a.test", scene.now + 60s));
  CHECK_FALSE(scene.rate.is_known("28 mx.a.test", scene.now));
  CHECK_FALSE(scene.rate.is_known("1 mx.b.test", scene.now + 1h));
  CHECK_FALSE(scene.rate.is_known("1 mx.c.test", scene.now));
}

TEST_CASE("the number of owners in memory is limited") {
  Scene scene;
  for (int i = 0; i < 1'000'000; ++i, scene.now += 100us) scene.ask(fmt::format("{}.test", i));
  CHECK(scene.rate.owners() <= 20'000);
}
