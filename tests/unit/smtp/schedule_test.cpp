#include "smtp/schedule.h"

#include "support.h"

using namespace starttls::smtp;
using namespace std::chrono_literals;
using Moment = Schedule::Moment;
using Ticket = Schedule::Ticket;

namespace {

const Moment begin{1'000'000s};

std::vector<Ticket> start_all(Schedule& schedule, Moment now) {
  std::vector<Ticket> started;
  while (const auto ticket = schedule.try_start(now)) started.push_back(*ticket);
  return started;
}

}  // namespace

TEST_CASE("the first connection to an address starts at once, further ones one at a time, a second apart") {
  Schedule schedule({});
  const Ticket first = schedule.enqueue("192.0.2.1", begin);
  const Ticket second = schedule.enqueue("192.0.2.1", begin);
  const Ticket third = schedule.enqueue("192.0.2.1", begin);
  CHECK(start_all(schedule, begin) == std::vector{first});
  CHECK_FALSE(schedule.next_start());
  CHECK(start_all(schedule, begin + 5s).empty());
  schedule.release(first, begin + 10ms);
  CHECK(schedule.next_start() == begin + 1s);
  CHECK(start_all(schedule, begin + 999ms).empty());
  CHECK(start_all(schedule, begin + 1s) == std::vector{second});
  schedule.release(second, begin + 7s);
  CHECK(start_all(schedule, begin + 7s) == std::vector{third});
  CHECK(schedule.waiting() == 0);
  CHECK(schedule.running() == 1);
}

TEST_CASE("a second apart also without a queue") {
  Schedule schedule({});
  const Ticket first = schedule.enqueue("192.0.2.1", begin);
  CHECK(start_all(schedule, begin) == std::vector{first});
  schedule.release(first, begin + 10ms);
  const Ticket second = schedule.enqueue("192.0.2.1", begin + 20ms);
  CHECK(schedule.next_start() == begin + 1s);
  CHECK(start_all(schedule, begin + 1s) == std::vector{second});
}

TEST_CASE("several connections to an address at the same time, where the limits allow that") {
  Schedule schedule({.max_per_address = 2, .address_interval = 100ms});
  std::vector<Ticket> tickets;
  for (int i = 0; i < 3; ++i) tickets.push_back(schedule.enqueue("192.0.2.1", begin));
  CHECK(start_all(schedule, begin) == std::vector{tickets[0]});
  CHECK(start_all(schedule, begin + 100ms) == std::vector{tickets[1]});
  CHECK(start_all(schedule, begin + 1s).empty());
  schedule.release(tickets[0], begin + 1s);
  CHECK(start_all(schedule, begin + 1s) == std::vector{tickets[2]});
}

TEST_CASE("addresses do not wait for each other") {
  Schedule schedule({});
  const Ticket silent = schedule.enqueue("192.0.2.1", begin);
  schedule.enqueue("192.0.2.1", begin);
  const Ticket other = schedule.enqueue("192.0.2.2", begin);
  CHECK(start_all(schedule, begin) == std::vector{silent, other});
}

TEST_CASE("all together have a limit, and those that came first go first") {
  Schedule schedule({.max_concurrent = 2});
  std::vector<Ticket> tickets;
  for (const char* address : {"192.0.2.9", "192.0.2.5", "192.0.2.7", "192.0.2.1"})
    tickets.push_back(schedule.enqueue(address, begin));
  CHECK(start_all(schedule, begin) == std::vector{tickets[0], tickets[1]});
  CHECK_FALSE(schedule.next_start());
  schedule.release(tickets[1], begin + 1ms);
  CHECK(schedule.next_start() == begin);
  CHECK(start_all(schedule, begin + 1ms) == std::vector{tickets[2]});
}

TEST_CASE("all together may have a rate") {
  Schedule schedule({.interval = 10ms});
  std::vector<Ticket> tickets;
  for (const char* address : {"192.0.2.1", "192.0.2.2"}) tickets.push_back(schedule.enqueue(address, begin));
  CHECK(start_all(schedule, begin) == std::vector{tickets[0]});
  CHECK(schedule.next_start() == begin + 10ms);
  CHECK(start_all(schedule, begin + 10ms) == std::vector{tickets[1]});
}

TEST_CASE("limits of 0 let something run") {
  Schedule schedule({.max_concurrent = 0, .max_per_address = 0});
  const Ticket ticket = schedule.enqueue("192.0.2.1", begin);
  CHECK(start_all(schedule, begin) == std::vector{ticket});
}

TEST_CASE("addresses are forgotten when a second has passed") {
  Schedule schedule({});
  Moment now = begin;
  for (int i = 0; i < 10'000; ++i, now += 1ms) {
    const Ticket ticket = schedule.enqueue("address " + std::to_string(i), now);
    REQUIRE(start_all(schedule, now) == std::vector{ticket});
    schedule.release(ticket, now);
    REQUIRE(schedule.addresses() <= 1'001);
  }
  const Ticket last = schedule.enqueue("192.0.2.1", now + 1s);
  CHECK(schedule.addresses() == 1);
  CHECK(start_all(schedule, now + 1s) == std::vector{last});
}

TEST_CASE("a ticket that is unknown is released without effect") {
  Schedule schedule({});
  schedule.release(7, begin);
  CHECK(schedule.running() == 0);
}
