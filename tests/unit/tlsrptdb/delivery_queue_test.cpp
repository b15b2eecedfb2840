#include "tlsrptdb/delivery_queue.h"

#include "support.h"
#include "tlsrptdb/report_store.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;
using tlsrptdb::Delivery;
using tlsrptdb::DeliveryQueue;
using tlsrptdb::DeliveryState;

namespace {

const Time now = at("2026-11-27T06:00:00Z");

DeliveryQueue queue_in(const TemporaryFolder& folder) {
  return good(DeliveryQueue::open(tlsrptdb::report_file(folder.path()), store::Access::owner));
}

Delivery delivery_to(const std::string& destination, Time next_try = now) {
  return {.report_id = "2026-11-26.inbound@mx.test",
          .destination = destination,
          .policy_domain = "example.test",
          .submitter = "mx.test",
          .sender = "postmaster@mx.test",
          .file_name = "report.json.gz",
          .created = now,
          .next_try = next_try};
}

std::vector<std::string> destinations_due(DeliveryQueue& queue, Time time) {
  std::vector<std::string> destinations;
  for (const Delivery& delivery : good(queue.due(time))) destinations.push_back(delivery.destination);
  return destinations;
}

}  // namespace

TEST_CASE("a report goes to each destination once, when it is due") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  CHECK(good(queue.add(delivery_to("mailto:a@x.test"), "packed")));
  CHECK(good(queue.add(delivery_to("https://b.test/", now + 1h), "packed")));
  CHECK_FALSE(good(queue.add(delivery_to("mailto:a@x.test"), "other")));
  CHECK(destinations_due(queue, now - 1ms).empty());
  CHECK(destinations_due(queue, now) == std::vector<std::string>{"mailto:a@x.test"});
  CHECK(destinations_due(queue, now + 1h).size() == 2);
  const Delivery first = good(queue.due(now)).front();
  CHECK(good(queue.json_gzip(first.id)) == "packed");
  good(queue.set_sent(first.id, now));
  CHECK(destinations_due(queue, now).empty());
  CHECK_FALSE(good(queue.add(delivery_to("mailto:a@x.test"), "packed")));
}

TEST_CASE("a failed delivery is tried again at growing intervals for a day, and then given up") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  good(queue.add(delivery_to("mailto:a@x.test"), "packed"));
  Time time = now;
  auto pause = 0ms;
  for (std::uint64_t tries = 0;; ++tries) {
    const auto due = good(queue.due(time));
    REQUIRE(due.size() == 1);
    CHECK(due.front().tries == tries);
    if (good(queue.set_failed(due.front(), "451 not now", true, time)) == DeliveryState::given_up) break;
    const Delivery waiting = good(queue.all()).front();
    CHECK(waiting.reason == "451 not now");
    CHECK(waiting.next_try - time >= pause);
    pause = waiting.next_try - time;
    time = waiting.next_try;
    REQUIRE(time <= now + tlsrptdb::max_delivery_time);
  }
  CHECK(time > now + 12h);
  CHECK(good(queue.due(now + 1'000h)).empty());
}

TEST_CASE("a permanent refusal is not tried again") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  good(queue.add(delivery_to("mailto:a@x.test"), "packed"));
  const Delivery due = good(queue.due(now)).front();
  CHECK(good(queue.set_failed(due, "550 no", false, now)) == DeliveryState::given_up);
  CHECK(good(queue.all()).front().state == DeliveryState::given_up);
}

TEST_CASE("finished deliveries are removed after some time, and waiting ones are not") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  for (const char* destination : {"", "mailto:sent@x.test", "mailto:waits@x.test"})
    good(queue.add(delivery_to(destination), "packed"));
  const auto due = good(queue.due(now));
  good(queue.remove(due.at(0).id));
  good(queue.set_sent(due.at(1).id, now));
  good(queue.forget(now));
  CHECK(good(queue.all()).size() == 2);
  good(queue.forget(now + 1ms));
  const auto left = good(queue.all());
  REQUIRE(left.size() == 1);
  CHECK(left.front().destination == "mailto:waits@x.test");
}

TEST_CASE("many reports are queued together, and those that are there already are not queued again") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  CHECK(good(queue.add({{.delivery = delivery_to("mailto:a@x.test"), .json_gzip = "one"},
                        {.delivery = delivery_to("mailto:b@x.test"), .json_gzip = "two"}})) == 2);
  CHECK(good(queue.add({{.delivery = delivery_to("mailto:a@x.test"), .json_gzip = "one"},
                        {.delivery = delivery_to("mailto:c@x.test"), .json_gzip = "three"}})) == 1);
  CHECK(good(queue.due(now)).size() == 3);
}

TEST_CASE("the mails that were sent on a day are counted by the domain of their address") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  for (const char* destination :
       {"mailto:a@x.test", "mailto:b@X.test", "mailto:a@y.test", "https://x.test/", "mailto:c@x.test"})
    good(queue.add(delivery_to(destination), ""));
  const auto due = good(queue.due(now));
  for (std::size_t i = 0; i < 4; ++i) good(queue.set_sent(due.at(i).id, now + 1h));
  const std::map<std::string, std::uint64_t> mails{{"x.test", 2}, {"y.test", 1}};
  CHECK(good(queue.mails_sent(to_day(now))) == mails);
  CHECK(good(queue.mails_sent(to_day(now) - std::chrono::days{1})).empty());
  CHECK(good(queue.mails_sent(to_day(now) + std::chrono::days{1})).empty());
}

TEST_CASE("whether a report was sent to an address of late") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  for (const char* destination : {"mailto:Sent@x.test", "mailto:waits@x.test"})
    good(queue.add(delivery_to(destination), "packed"));
  good(queue.set_sent(good(queue.due(now)).front().id, now));
  const std::string id = delivery_to("").report_id;
  CHECK(good(queue.was_sent(id, "mailto:sent@X.test", now)));
  CHECK_FALSE(good(queue.was_sent(id, "mailto:sent@x.test", now + 1ms)));
  CHECK_FALSE(good(queue.was_sent(id, "mailto:waits@x.test", now - 1h)));
  CHECK_FALSE(good(queue.was_sent("other", "mailto:sent@x.test", now - 1h)));
}

TEST_CASE("what is held for a day is sent once the day is released, or never") {
  const TemporaryFolder folder;
  auto queue = queue_in(folder);
  const Day day = good(parse_day("2026-11-26"));
  const auto add_held = [&](const std::string& destination, Day for_day) {
    Delivery delivery = delivery_to(destination);
    delivery.held_for = for_day;
    return good(queue.add(delivery, "packed"));
  };
  CHECK(add_held("mailto:a@x.test", day));
  CHECK_FALSE(add_held("mailto:a@x.test", day));
  CHECK(add_held("mailto:b@x.test", day + std::chrono::days{1}));
  CHECK(good(queue.add(delivery_to("mailto:c@x.test"), "packed")));
  CHECK(destinations_due(queue, now + 1h) == std::vector<std::string>{"mailto:c@x.test"});
  CHECK(good(queue.all()).front().state == DeliveryState::held);
  CHECK(good(queue.held_days()) == std::vector{day, day + std::chrono::days{1}});
  // The time in which it is tried begins then.
  good(queue.release(day, now + 12h));
  CHECK(destinations_due(queue, now + 12h) == std::vector<std::string>{"mailto:c@x.test", "mailto:a@x.test"});
  CHECK(good(queue.due(now + 12h)).back().created == now + 12h);
  good(queue.remove_held(day));
  good(queue.remove_held(day + std::chrono::days{1}));
  CHECK(good(queue.held_days()).empty());
  CHECK(good(queue.all()).size() == 2);
  CHECK(add_held("mailto:b@x.test", day));
}
