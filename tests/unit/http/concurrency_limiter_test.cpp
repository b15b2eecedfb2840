#include "http/concurrency_limiter.h"

#include <vector>

#include "support.h"

using namespace starttls::http;
using namespace std::chrono_literals;

namespace {

// Turns for numbers, with a clock that the test sets.
struct Scene {
  explicit Scene(ConcurrencyLimits limits) : turns(limits) {}

  // The one that is refused; 0 is none.
  int join(const std::string& address, int item, bool is_known = false) {
    const std::string network = address.substr(0, address.find('.'));
    return turns.enqueue({.address = address, .network = network, .is_known = is_known}, item, now)
        .value_or(0);
  }
  std::vector<int> next() {
    std::vector<int> items;
    while (const auto turn = turns.try_start(now)) {
      items.push_back(turn->item);
      tickets[turn->item] = turn->ticket;
    }
    return items;
  }
  void leave(int item) { turns.release(tickets.at(item)); }
  // Those that end for others, and those that start then.
  std::vector<int> give_way() {
    std::vector<int> ended;
    while (const auto ticket = turns.longest_preemptible(now)) {
      for (const auto& [item, of_item] : tickets) {
        if (of_item == *ticket) ended.push_back(item);
      }
      turns.release(*ticket);
      next();
    }
    return ended;
  }

  ConcurrencyLimiter<int> turns;
  ConcurrencyLimiter<int>::SteadyTime now;
  std::map<int, ConcurrencyLimiter<int>::Ticket> tickets;
};

constexpr QueueLimits bounds{.max_wait = 10s, .preempt_after = 2s, .max_waiting = 100};

}  // namespace

TEST_CASE("turns are given in the order of arrival, up to the limit at one time") {
  Scene scene({.max_concurrent = 2, .max_per_address = 10, .queue = {}});
  for (int i = 1; i <= 4; ++i) scene.join("a", i);
  CHECK(scene.next() == std::vector{1, 2});
  CHECK(scene.next().empty());
  scene.leave(1);
  CHECK(scene.next() == std::vector{3});
  scene.leave(2);
  scene.leave(3);
  CHECK(scene.next() == std::vector{4});
}

TEST_CASE("many at one address delay no other, and keep their own order") {
  Scene scene({.max_concurrent = 10, .max_per_address = 2, .queue = {}});
  for (int i = 1; i <= 5; ++i) scene.join("crowded", i);
  scene.join("quiet", 100);
  CHECK(scene.next() == std::vector{1, 100, 2});
  scene.leave(100);
  CHECK(scene.next().empty());
  scene.leave(1);
  scene.leave(2);
  CHECK(scene.next() == std::vector{3, 4});
}

TEST_CASE("a number whose network has fewer turns precedes those that arrived first") {
  Scene scene({.max_concurrent = 4, .max_per_address = 2, .queue = {}});
  for (int i = 1; i <= 8; ++i) scene.join(fmt::format("bad.{}", i), i);
  CHECK(scene.next() == std::vector{1, 2, 3, 4});
  scene.join("good.1", 100);
  scene.leave(1);
  CHECK(scene.next() == std::vector{100});
  scene.join("bad.2", 9);  // which already has one with a turn
  scene.join("bad.99", 10);
  for (const int item : {100, 3, 4}) scene.leave(item);
  CHECK(scene.next() == std::vector{5, 6, 7});
  for (const int item : {5, 6, 7}) scene.leave(item);
  CHECK(scene.next() == std::vector{8, 10, 9});
}

TEST_CASE("a limit of 0 is a limit of 1") {
  Scene scene({.max_concurrent = 0, .max_per_address = 0, .queue = bounds});
  scene.join("a", 1);
  scene.join("a", 2);
  CHECK(scene.next() == std::vector{1});
}

TEST_CASE("those without a turn can be dismissed, whatever they wait for") {
  Scene scene({.max_concurrent = 1, .max_per_address = 2, .queue = {}});
  for (int i = 1; i <= 4; ++i) scene.join("a", i);
  scene.join("b", 5);
  CHECK(scene.next() == std::vector{1});
  CHECK(std::move(scene.turns).drain() == std::vector{2, 3, 4, 5});
}

TEST_CASE("a quarter of the places is kept for hosts that answered before, and a quarter for the others") {
  for (const bool crowd : {false, true}) {
    Scene scene({.max_concurrent = 8, .max_per_address = 8, .queue = bounds});
    for (int i = 1; i <= 8; ++i) scene.join("a", i, crowd);
    CHECK(scene.next() == std::vector{1, 2, 3, 4, 5, 6});
    scene.join("b", 100, !crowd);
    CHECK(scene.next() == std::vector{100});
  }
}

TEST_CASE("a host that never answered keeps its place until another needs it") {
  Scene scene({.max_concurrent = 4, .max_per_address = 4, .queue = bounds});
  scene.join("met", 1, true);
  for (int i = 2; i <= 4; ++i) scene.join("unmet", i);
  CHECK(scene.next() == std::vector{1, 2, 3, 4});
  CHECK_FALSE(scene.turns.next_deadline());
  scene.now += 1s;
  scene.join("new", 5);
  CHECK(scene.next().empty());
  CHECK(scene.give_way().empty());
  CHECK(scene.turns.next_deadline() == scene.now + 1s);
  scene.now += 1s;
  CHECK(scene.give_way() == std::vector{2});
  CHECK(scene.tickets.contains(5));
  scene.now += 1h;
  CHECK(scene.give_way().empty());
}

TEST_CASE(
    "no host is ended for one that waits for an address, or for a place of those that answered before") {
  Scene scene({.max_concurrent = 8, .max_per_address = 2, .queue = bounds});
  for (int i = 1; i <= 3; ++i) scene.join("a", i);
  for (int i = 4; i <= 10; ++i) scene.join(fmt::format("b.{}", i), i, true);
  scene.next();
  CHECK(scene.turns.running() == 8);
  CHECK(scene.turns.waiting() == 2);
  scene.now += 1h;
  CHECK(scene.give_way().empty());
}

TEST_CASE("nobody waits longer than the limit") {
  Scene scene({.max_concurrent = 4, .max_per_address = 1, .queue = bounds});
  for (int i = 1; i <= 3; ++i) scene.join("a", i);
  scene.next();
  CHECK(scene.turns.next_deadline() == scene.now + 10s);
  CHECK_FALSE(scene.turns.take_expired(scene.now + 9s));
  CHECK(scene.turns.take_expired(scene.now + 10s) == 2);
  CHECK(scene.turns.take_expired(scene.now + 10s) == 3);
  CHECK_FALSE(scene.turns.take_expired(scene.now + 10s));
  CHECK(scene.turns.waiting() == 0);
  Scene patient({.max_concurrent = 4, .max_per_address = 1, .queue = {}});
  for (int i = 1; i <= 3; ++i) patient.join("a", i);
  CHECK_FALSE(patient.turns.take_expired(patient.now + 24h));
}

TEST_CASE("if too many wait, the latest of the longest line is refused") {
  Scene scene({.max_concurrent = 1, .max_per_address = 1, .queue = QueueLimits{.max_waiting = 4}});
  CHECK(scene.join("crowded", 1) == 0);
  CHECK(scene.next() == std::vector{1});
  for (int i = 2; i <= 4; ++i) CHECK(scene.join("crowded", i) == 0);
  CHECK(scene.join("quiet", 5) == 0);
  CHECK(scene.join("another", 6) == 4);
  CHECK(scene.join("crowded", 7) == 7);
  scene.leave(1);
  CHECK(scene.next() == std::vector{2});
}

TEST_CASE("a number that can start at once is not refused, however few may wait") {
  Scene scene({.max_concurrent = 1, .max_per_address = 1, .queue = QueueLimits{.max_waiting = 0}});
  CHECK(scene.join("a", 1) == 0);
  CHECK(scene.next() == std::vector{1});
  CHECK(scene.join("b", 2) == 2);
}

TEST_CASE("every address that a host has connected to counts until its fetch has ended") {
  Scene scene({.max_concurrent = 9, .max_per_address = 2, .queue = {}});
  for (int i = 1; i <= 3; ++i) scene.join(fmt::format("front.{}", i), i);
  scene.next();
  CHECK(scene.turns.add_address(scene.tickets[1], "front.1"));
  CHECK(scene.turns.add_address(scene.tickets[1], "silent"));
  CHECK(scene.turns.add_address(scene.tickets[1], "silent"));
  CHECK(scene.turns.add_address(scene.tickets[2], "silent"));
  CHECK_FALSE(scene.turns.add_address(scene.tickets[3], "silent"));
  scene.join("silent", 4);
  CHECK(scene.next().empty());
  scene.leave(1);
  CHECK(scene.next() == std::vector{4});
}
