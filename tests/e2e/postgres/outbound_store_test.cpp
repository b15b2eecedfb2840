// What only an outbound store that hosts share must do; and what every outbound store must.
#include <future>

#include "outbound/fold.h"
#include "outbound/report_claims.h"
#include "server.h"
#include "unit/outbound/examples.h"
#include "unit/outbound/outbound_cases.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Period year{good(parse_day("2026-01-01")), good(parse_day("2026-12-31"))};

std::unique_ptr<Store> open(const std::string& writer = "out1") {
  return good(outbound::open_postgres_store(url(), writer, Access::owner));
}

std::unique_ptr<Store> new_store() {
  empty_database();
  return open();
}

AddedPolicies policies_of(const std::vector<std::string>& datagrams, Time when = noon) {
  SegmentContent content;
  for (const std::string& text : datagrams) (void)content.add(encode(received(text, when)));
  return content.take().policies;
}

Result<void> fold_policies(Store& store, const std::string& segment, AddedPolicies policies) {
  auto transaction = store.begin_fold();
  if (!transaction) return std::unexpected(transaction.error());
  if (auto added = (*transaction)->add(policies, {}, {}); !added) return std::unexpected(added.error());
  if (auto done = (*transaction)->record(segment, noon); !done) return done;
  return (*transaction)->commit();
}

std::uint64_t sessions_in(Store& store) {
  std::uint64_t sessions = 0;
  good(store.read(
      {.period = year}, [](const std::set<std::string>&) { return Result<void>(); },
      [&](const PolicyOfDay&, const PolicyCount& count) -> Result<void> {
        sessions += count.successful + count.failed;
        return {};
      }));
  return sessions;
}

std::int64_t partitions() {
  return good(
      connect().number("SELECT count(*) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
                       "WHERE c.relkind = 'r' AND c.relname LIKE 'outbound_%'"));
}

ReportClaims claims_of(const std::string& host) {
  return {url(), host, host + ".test"};
}

// That have ended, by the clock of the database.
Day past_day(int days_ago) {
  return to_day(system_clock()()) - std::chrono::days{days_ago};
}

// As if the time of all claims were over.
void let_claims_end() {
  good(connect().execute("UPDATE outbound_reports SET claimed_until = 0"));
}

}  // namespace

TEST_CASE("what every outbound store does") {
  const auto store = new_store();
  every_check_of_a_store(*store);
}

TEST_CASE("each day has partitions of its own, and an old day is dropped, not deleted") {
  const auto store = new_store();
  const auto other = open("out2");
  for (int i = 0; i < 3; ++i) {
    const std::string id = fmt::format("{}", i);
    good(fold_policies(*store, "a" + id, policies_of({failed_datagram()}, noon + i * 24h)));
    good(fold_policies(*other, "b" + id, policies_of({datagram()}, noon + i * 24h)));
  }
  CHECK(partitions() == 9);
  const Day last = to_day(noon) + std::chrono::days{2};
  CHECK(good(store->prune(last, last)) == 2);
  CHECK(partitions() == 3);
  CHECK(good(other->prune(last, last)) == 0);
  CHECK(sessions_in(*store) == 2);
  // A host that remembers the partitions of a dropped day makes them again.
  good(fold_policies(*other, "late", policies_of({datagram()})));
  CHECK(sessions_in(*store) == 3);
}

TEST_CASE(
    "hosts that begin a day, and add to the same policies, wait for each other, and never in a circle") {
  new_store();
  constexpr int folds = 20;
  constexpr int domains = 200;
  constexpr int writers = 4;
  const auto host = [where = url()](int number) -> std::string {
    auto store = outbound::open_postgres_store(where, fmt::format("out{}", number), Access::owner);
    if (!store) return store.error().message;
    for (int i = 0; i < folds; ++i) {
      std::vector<std::string> datagrams;
      for (int j = 0; j < domains; ++j)
        datagrams.push_back(failed_datagram(fmt::format("d{}.example", (j + number) % domains)));
      const auto done =
          fold_policies(**store, fmt::format("{}-{}", number, i), policies_of(datagrams, noon + i % 4 * 24h));
      if (!done) return done.error().message;
      const Day first = to_day(noon) - std::chrono::days{1};
      if (const auto pruned = (*store)->prune(first, first); !pruned) return pruned.error().message;
    }
    return "";
  };
  std::vector<std::future<std::string>> hosts;
  for (int i = 0; i < writers; ++i) hosts.push_back(std::async(std::launch::async, host, i));
  for (auto& each : hosts) CHECK(each.get() == "");
  CHECK(sessions_in(*open()) == writers * folds * domains);
}

TEST_CASE("a reader that only may read does so, and makes no tables") {
  empty_database();
  CHECK(bad(outbound::open_postgres_store(url(), "", Access::read))
            .message.find("not a store of tlsrpt-collector") != std::string::npos);
  const auto store = open();
  good(fold_policies(*store, "a", policies_of({datagram()})));
  CHECK(sessions_in(*good(outbound::open_postgres_store(url(), "", Access::read))) == 1);
}

TEST_CASE("a store of the version before is upgraded with all that is in it") {
  good(fold_policies(*new_store(), "a", policies_of({datagram()})));
  good(connect().execute("DROP TABLE outbound_reports; UPDATE tlsrpt_outbound SET version = 1"));
  CHECK(bad(claims_of("one").find(past_day(1))).fault == Fault::data);
  CHECK(sessions_in(*open()) == 1);
  CHECK(good(claims_of("one").claim(past_day(1))).is_ours);
}

TEST_CASE("of hosts that claim a day, one has it, until its time is over or for good") {
  new_store();
  const auto one = claims_of("one");
  const auto two = claims_of("two");
  const Day day = past_day(1);
  CHECK_FALSE(good(one.find(day)));
  const auto first = good(one.claim(day));
  CHECK(first.is_ours);
  CHECK_FALSE(first.is_queued);
  CHECK(first.report_host == "one.test");
  CHECK(good(one.claim(day)).is_ours);
  const auto refused = good(two.claim(day));
  CHECK_FALSE(refused.is_ours);
  CHECK(refused.writer_host == "one.test");
  CHECK_FALSE(good(two.set_queued(day)));

  let_claims_end();
  const auto taken = good(two.claim(day));
  CHECK(taken.is_ours);
  CHECK(taken.report_host == "one.test");
  CHECK(taken.writer_host == "two.test");
  CHECK_FALSE(good(one.claim(day)).is_ours);
  CHECK_FALSE(good(one.set_queued(day)));

  CHECK(good(two.set_queued(day)));
  let_claims_end();
  CHECK_FALSE(good(one.claim(day)).is_ours);
  CHECK(good(one.find(day))->is_queued);
  CHECK(good(two.claim(day)).is_queued);
}

TEST_CASE("one host of many that claim a day at the same moment has it") {
  new_store();
  const Day day = past_day(1);
  for (int round = 0; round < 5; ++round) {
    std::vector<std::future<bool>> hosts;
    for (int i = 0; i < 8; ++i) {
      hosts.push_back(std::async(std::launch::async, [where = url(), i, round, day] {
        const auto name = fmt::format("{}-{}", i, round);
        const auto claim = ReportClaims(where, name, name).claim(day);
        return claim && claim->is_ours;
      }));
    }
    int ours = 0;
    for (auto& host : hosts) ours += host.get() ? 1 : 0;
    CHECK(ours == 1);
    let_claims_end();
  }
}

TEST_CASE("a day that is not over by the clock of the database is not claimed") {
  new_store();
  const auto claims = claims_of("one");
  const Error error = bad(claims.claim(past_day(-1)));
  CHECK(error.fault == Fault::temporary);
  CHECK(error.message.find("is not over by its clock") != std::string::npos);
  CHECK_FALSE(good(claims.find(past_day(-1))));
}

TEST_CASE("days that were claimed and not finished can be found for some days") {
  const auto store = new_store();
  const auto one = claims_of("one");
  const auto two = claims_of("two");
  for (const int days_ago : {2, 3, 4, 20}) CHECK(good(one.claim(past_day(days_ago))).is_ours);
  CHECK(good(one.set_queued(past_day(3))));
  CHECK(good(one.unfinished()) == std::vector{past_day(4), past_day(2)});
  CHECK(good(two.unfinished()).empty());
  let_claims_end();
  CHECK(good(two.unfinished()) == std::vector{past_day(4), past_day(2)});
  good(store->prune(past_day(10), past_day(10)));
  CHECK(good(connect().number("SELECT count(*) FROM outbound_reports")) == 3);
}
