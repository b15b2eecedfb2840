#include "postgres/day_partitions.h"

#include <array>
#include <future>
#include <optional>
#include <vector>

#include "server.h"

using namespace starttls;
using namespace starttls::postgres;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

constexpr std::array<DayTable, 2> tables{{{"first_days", "WITH (fillfactor = 50)"}, {"second_days"}}};
const Day first = good(parse_day("2026-11-22"));

void make_tables(Connection& connection) {
  empty_database();
  for (const char* name : {"first_days", "second_days"}) {
    good(
        connection.execute(fmt::format("CREATE TABLE {} (day INTEGER NOT NULL, a INTEGER NOT NULL, "
                                       "PRIMARY KEY (day, a)) PARTITION BY LIST (day)",
                                       name)));
  }
}

std::string values_of(Day day) {
  return fmt::format("({}, 1)", day.time_since_epoch().count());
}

// What a fold does with a day.
Result<void> add(Connection& connection, Day day) {
  auto transaction = Transaction::begin(connection);
  if (!transaction) return std::unexpected(transaction.error());
  if (auto ensured = ensure_partitions(connection, tables, {day}); !ensured) return ensured;
  for (const DayTable& table : tables) {
    const auto sql = fmt::format("INSERT INTO {0} VALUES {1} ON CONFLICT (day, a) DO UPDATE SET a = {0}.a",
                                 table.name, values_of(day));
    if (auto added = connection.execute(sql); !added) return added;
  }
  return transaction->commit();
}

std::int64_t partitions(Connection& connection) {
  return good(
      connection.number("SELECT count(*) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
                        "WHERE c.relkind = 'r'"));
}

}  // namespace

TEST_CASE("a day has a partition in each table, with its options and the key of the table") {
  auto connection = connect();
  make_tables(connection);
  good(add(connection, first));
  good(add(connection, first));
  CHECK(partitions(connection) == 2);
  CHECK(good(connection.number(
            "SELECT count(*) FROM pg_class WHERE relname = $1 AND 'fillfactor=50' = ANY (reloptions)",
            Parameters().add(partition_of(tables[0], first)))) == 1);
  CHECK(bad(connection.execute("INSERT INTO second_days VALUES " + values_of(first))).message.find("_pkey") !=
        std::string::npos);
}

TEST_CASE("the partitions of the days before are dropped, and no other table") {
  auto connection = connect();
  make_tables(connection);
  for (int i = 0; i < 4; ++i) good(add(connection, first + std::chrono::days{i}));
  good(connection.execute(
      "CREATE TABLE first_days_1 (a INTEGER); CREATE TABLE first_days_old PARTITION OF first_days "
      "FOR VALUES IN (1)"));
  const auto dropped = good(drop_partitions(connection, tables, first + std::chrono::days{3}));
  CHECK(dropped.days == 3);
  CHECK(dropped.rows == 6);
  CHECK(partitions(connection) == 3);
  CHECK(good(connection.number("SELECT count(*) FROM first_days")) == 1);
  CHECK(good(drop_partitions(connection, tables, first + std::chrono::days{3})).days == 0);
  CHECK(good(connection.number("SELECT count(*) FROM first_days_1")) == 0);
}

TEST_CASE("a day begins while somebody reads the days before") {
  auto reader = connect();
  make_tables(reader);
  good(add(reader, first));
  const auto transaction = good(Transaction::begin(reader, "ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
  CHECK(good(reader.number("SELECT count(*) FROM first_days")) == 1);
  // It would fail after this time.
  auto connection = connect({.statement = 2s});
  good(add(connection, first + std::chrono::days{1}));
  CHECK(good(reader.number("SELECT count(*) FROM first_days")) == 1);
}

TEST_CASE(
    "a day that somebody uses is not dropped, delays others for a moment, and is dropped the next time") {
  auto user = connect();
  make_tables(user);
  good(add(user, first));
  auto connection = connect();
  const Day second = first + std::chrono::days{1};
  {
    const auto transaction = good(Transaction::begin(user));
    SECTION("by a reader") {
      good(user.number("SELECT count(*) FROM first_days"));
    }
    SECTION("by a fold that has seen its partitions") {
      good(ensure_partitions(user, tables, {first}));
    }
    CHECK(good(drop_partitions(connection, tables, second)).days == 0);
    CHECK(connection.is_alive());
    good(user.execute("INSERT INTO second_days VALUES " +
                      fmt::format("({}, 2)", first.time_since_epoch().count())));
  }
  CHECK(good(drop_partitions(connection, tables, second)).days == 1);
  CHECK(partitions(connection) == 0);
}

TEST_CASE("while one host drops days, another leaves them to it") {
  auto one = connect();
  make_tables(one);
  good(add(one, first));
  auto connection = connect();
  {
    const auto dropping = good(Transaction::begin(one));
    good(one.number("SELECT pg_try_advisory_xact_lock(1398031184)::integer"));
    CHECK(good(drop_partitions(connection, tables, first + std::chrono::days{1})).days == 0);
  }
  CHECK(good(drop_partitions(connection, tables, first + std::chrono::days{1})).days == 1);
}

TEST_CASE("hosts begin days, and drop them, at the same moments") {
  auto connection = connect();
  make_tables(connection);
  const auto host = [where = url()]() -> std::string {
    auto own = Connection::open(where);
    if (!own) return own.error().message;
    for (int i = 0; i < 30; ++i) {
      const Day day = first + std::chrono::days{i};
      if (const auto added = add(*own, day); !added) return added.error().message;
      if (const auto dropped = drop_partitions(*own, tables, day + std::chrono::days{1}); !dropped)
        return dropped.error().message;
    }
    return "";
  };
  std::vector<std::future<std::string>> hosts;
  for (int i = 0; i < 4; ++i) hosts.push_back(std::async(std::launch::async, host));
  for (auto& each : hosts) CHECK(each.get() == "");
  good(drop_partitions(connection, tables, first + std::chrono::days{30}));
  CHECK(partitions(connection) == 0);
}
