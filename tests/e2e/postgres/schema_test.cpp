#include "postgres/schema.h"

#include <array>
#include <future>
#include <vector>

#include "server.h"

using namespace starttls;
using namespace starttls::postgres;
using namespace starttls::test;

namespace {

constexpr Schema first{
    .kind = "a test", .table = "test_store", .version = 1, .statements = "CREATE TABLE t (a INTEGER)"};
constexpr std::array upgrades{"ALTER TABLE t ADD b INTEGER",
                              "ALTER TABLE t ADD c INTEGER; UPDATE t SET c = a"};
constexpr Schema third{.kind = "a test",
                       .table = "test_store",
                       .version = 3,
                       .statements = "CREATE TABLE t (a INTEGER, b INTEGER, c INTEGER)",
                       .upgrades = upgrades};

// What many hosts come to that do it at the same moment.
std::vector<std::string> prepare_at_once(const Schema& schema) {
  std::vector<std::future<std::string>> hosts;
  for (int i = 0; i < 8; ++i) {
    hosts.push_back(std::async(std::launch::async, [&schema, where = url()]() -> std::string {
      auto connection = Connection::open(where);
      if (!connection) return connection.error().message;
      const auto done = prepare(*connection, schema);
      return done ? "" : done.error().message;
    }));
  }
  std::vector<std::string> errors;
  for (auto& host : hosts) {
    if (auto error = host.get(); !error.empty()) errors.push_back(error);
  }
  return errors;
}

}  // namespace

TEST_CASE("a schema is made once, however many make it at the same moment") {
  for (int round = 0; round < 5; ++round) {
    empty_database();
    CHECK(prepare_at_once(first).empty());
    auto connection = connect();
    CHECK(good(connection.number("SELECT count(*) FROM test_store")) == 1);
    CHECK(good(connection.number("SELECT count(*) FROM t")) == 0);
    good(check(connection, first));
  }
}

TEST_CASE("an older schema becomes today's, step by step and once, however many upgrade it") {
  for (int round = 0; round < 5; ++round) {
    empty_database();
    auto connection = connect();
    good(prepare(connection, first));
    good(connection.execute("INSERT INTO t VALUES (7)"));
    const auto error = bad(check(connection, third));
    CHECK(error.fault == Fault::data);
    CHECK(
        error.message ==
        connection.name() +
            ": a test made by an older version, and not upgraded yet: the program that writes it does that");
    CHECK(prepare_at_once(third).empty());
    CHECK(good(connection.number("SELECT c FROM t")) == 7);
    good(check(connection, third));
  }
}

TEST_CASE("an upgrade that fails leaves the older version as it was") {
  empty_database();
  auto connection = connect();
  good(prepare(connection, first));
  constexpr std::array broken{"ALTER TABLE t ADD b INTEGER", "ALTER TABLE no_such_table ADD c INTEGER"};
  Schema schema = third;
  schema.upgrades = broken;
  CHECK(bad(prepare(connection, schema)).fault == Fault::data);
  good(check(connection, first));
  CHECK(bad(connection.execute("SELECT b FROM t")).fault == Fault::data);
}

TEST_CASE("a schema that becomes newer than ours while we wait to upgrade it is left alone") {
  empty_database();
  auto connection = connect();
  good(prepare(connection, first));
  auto newer = good(Transaction::begin(connection));
  good(connection.execute("UPDATE test_store SET version = 99"));
  auto older = std::async(std::launch::async, [where = url()]() -> std::string {
    auto own = Connection::open(where);
    if (!own) return own.error().message;
    const auto done = prepare(*own, third);
    return done ? "" : done.error().message;
  });
  while (good(connection.number("SELECT count(*) FROM pg_locks WHERE NOT granted")) == 0) {
  }
  good(newer.commit());
  CHECK(older.get().find("made by a newer version") != std::string::npos);
  CHECK(good(connection.number("SELECT version FROM test_store")) == 99);
}

TEST_CASE("an upgrade may take longer than other statements") {
  empty_database();
  good([] {
    auto connection = connect();
    return prepare(connection, first);
  }());
  constexpr std::array slow{"ALTER TABLE t ADD b INTEGER; SELECT pg_sleep(0.3)",
                            "ALTER TABLE t ADD c INTEGER"};
  Schema schema = third;
  schema.upgrades = slow;
  auto connection = connect({.statement = std::chrono::milliseconds{150}});
  good(prepare(connection, schema));
  CHECK(bad(connection.execute("SELECT pg_sleep(60)")).message.find("statement timeout") !=
        std::string::npos);
  CHECK(connection.is_alive());
}

TEST_CASE("a newer schema is refused and left alone") {
  empty_database();
  auto connection = connect();
  good(prepare(connection, third));
  for (const auto& refused : {prepare(connection, first), check(connection, first)}) {
    CHECK(bad(refused).fault == Fault::data);
    CHECK(bad(refused).message.find("made by a newer version") != std::string::npos);
  }
  good(check(connection, third));
}

TEST_CASE("a database without our tables, or with others of their names, is not ours") {
  empty_database();
  auto connection = connect();
  CHECK(bad(check(connection, first)).message == connection.name() + ": not a test");
  good(connection.execute("CREATE TABLE t (x TEXT)"));
  const auto error = bad(prepare(connection, first));
  CHECK(error.fault == Fault::data);
  CHECK(error.message == connection.name() + R"(: relation "t" already exists: a test cannot be made there)");
  CHECK(bad(check(connection, first)).fault == Fault::data);
  good(connection.execute("SELECT x FROM t"));
}
