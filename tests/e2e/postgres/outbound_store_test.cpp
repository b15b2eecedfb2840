// What only an outbound store that hosts share must do; and what every outbound store must.
#include <future>

#include "outbound/fold.h"
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

DailyCounts counts_of(const std::vector<std::string>& datagrams, Time when = noon) {
  SegmentContent content;
  for (const std::string& text : datagrams) (void)content.add(encode(received(text, when)));
  return content.take().counts;
}

Result<void> fold_counts(Store& store, const std::string& segment, const DailyCounts& counts) {
  auto transaction = store.begin_fold();
  if (!transaction) return std::unexpected(transaction.error());
  if (auto added = (*transaction)->add(counts, {}, {}); !added) return std::unexpected(added.error());
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
    good(fold_counts(*store, "a" + id, counts_of({failed_datagram()}, noon + i * 24h)));
    good(fold_counts(*other, "b" + id, counts_of({datagram()}, noon + i * 24h)));
  }
  CHECK(partitions() == 9);
  const Day last = to_day(noon) + std::chrono::days{2};
  CHECK(good(store->prune(last, last)) == 2);
  CHECK(partitions() == 3);
  CHECK(good(other->prune(last, last)) == 0);
  CHECK(sessions_in(*store) == 2);
  // A host that remembers the partitions of a dropped day makes them again.
  good(fold_counts(*other, "late", counts_of({datagram()})));
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
          fold_counts(**store, fmt::format("{}-{}", number, i), counts_of(datagrams, noon + i % 4 * 24h));
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
  good(fold_counts(*store, "a", counts_of({datagram()})));
  CHECK(sessions_in(*good(outbound::open_postgres_store(url(), "", Access::read))) == 1);
}
