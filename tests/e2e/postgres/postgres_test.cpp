// The postgres component against the server that POSTGRES_URL names; test_connection.py starts one and runs
// this.
#include "postgres/postgres.h"

#include <sys/types.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "server.h"

using namespace starttls;
using namespace starttls::postgres;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

using Steady = std::chrono::steady_clock;

pid_t backend_of(Connection& connection) {
  return static_cast<pid_t>(good(connection.number("SELECT pg_backend_pid()")));
}

// A table of the test's own.
class Table {
 public:
  explicit Table(const std::string& columns) : connection_(connect()) {
    good(connection_.execute("DROP TABLE IF EXISTS t; CREATE TABLE t (" + columns + ")"));
  }
  Connection& connection() { return connection_; }

 private:
  Connection connection_;
};

// Stops a server process, as a machine that hangs would.
class Paused {
 public:
  explicit Paused(pid_t pid) : pid_(pid) { REQUIRE(::kill(pid, SIGSTOP) == 0); }
  Paused(const Paused&) = delete;
  Paused& operator=(const Paused&) = delete;
  ~Paused() { ::kill(pid_, SIGCONT); }

 private:
  pid_t pid_;
};

}  // namespace

TEST_CASE("what is a parameter is read back as it was") {
  auto connection = connect();
  const std::string odd = "quote ' \" backslash \\ line\nbrace {} comma , \xC3\xA4 \xF0\x9F\x93\xAB";
  int rows = 0;
  good(connection.read("SELECT $1::text, $2::bigint, NULL, ''", Parameters().add(odd).add(std::int64_t{-7}),
                       [&](const Row& row) -> Result<void> {
                         ++rows;
                         CHECK(row.text(0) == odd);
                         CHECK(row.number(1) == -7);
                         CHECK(row.is_null(2));
                         CHECK(row.text(2).empty());
                         CHECK_FALSE(row.is_null(3));
                         return {};
                       }));
  CHECK(rows == 1);
}

TEST_CASE("a NUL, which PostgreSQL cannot hold, becomes the replacement character") {
  auto connection = connect();
  Array array;
  array.add(std::string_view("a\0b", 3));
  const auto parameters = Parameters().add(std::string_view("a\0b", 3)).add(array);
  good(connection.read("SELECT $1::text, ($2::text[])[1]", parameters, [](const Row& row) -> Result<void> {
    CHECK(row.text(0) ==
          "a\xEF\xBF\xBD"
          "b");
    CHECK(row.text(1) == row.text(0));
    return {};
  }));
}

TEST_CASE("arrays carry whole columns") {
  Table table("name text, number bigint");
  Array names;
  Array numbers;
  CHECK(names.empty());
  const std::vector<std::string> texts = {"", "NULL", "a,b", "{\"x\"}", "back\\slash", " blank "};
  for (std::size_t i = 0; i < texts.size(); ++i) {
    names.add(texts[i]);
    numbers.add(static_cast<std::int64_t>(i));
  }
  CHECK(names.size() == texts.size());
  auto& connection = table.connection();
  const char* insert = "INSERT INTO t SELECT * FROM unnest($1::text[], $2::bigint[])";
  CHECK(good(connection.execute(insert, Parameters().add(names).add(numbers))) == 6);
  std::vector<std::string> back;
  good(connection.read("SELECT name FROM t ORDER BY number", {}, [&](const Row& row) -> Result<void> {
    back.emplace_back(row.text(0));
    return {};
  }));
  CHECK(back == texts);
  names.clear();
  numbers.clear();
  CHECK(good(connection.execute(insert, Parameters().add(names).add(numbers))) == 0);
}

TEST_CASE("an error of the sink is handed on, and the connection serves again") {
  auto connection = connect();
  int rows = 0;
  const auto done = connection.read("SELECT generate_series(1, 1000)", {}, [&](const Row&) -> Result<void> {
    ++rows;
    return fail(Fault::data, "not this");
  });
  CHECK(bad(done).message == "not this");
  CHECK(rows == 1);
  CHECK(good(connection.number("SELECT 5")) == 5);
}

TEST_CASE("a transaction that is not committed leaves nothing") {
  Table table("a bigint");
  auto& connection = table.connection();
  {
    const auto transaction = good(Transaction::begin(connection));
    good(connection.execute("INSERT INTO t VALUES (1)"));
  }
  CHECK(good(connection.number("SELECT count(*) FROM t")) == 0);
  auto transaction = good(Transaction::begin(connection));
  good(connection.execute("INSERT INTO t VALUES (1)"));
  good(transaction.commit());
  CHECK(good(connect().number("SELECT count(*) FROM t")) == 1);
}

TEST_CASE("a transaction in which a statement failed is not committed, and says so") {
  Table table("a bigint");
  auto& connection = table.connection();
  {
    auto transaction = good(Transaction::begin(connection));
    good(connection.execute("INSERT INTO t VALUES (1)"));
    bad(connection.execute("INSERT INTO t VALUES ('x')"));
    bad(transaction.commit());
  }
  CHECK(good(connection.number("SELECT count(*) FROM t")) == 0);
}

TEST_CASE("an error names the database and the host and has the server's words, on one line") {
  auto connection = connect();
  const auto error = bad(connection.execute("SELECT * FROM no_such_table"));
  CHECK(error.fault == Fault::data);
  CHECK(error.message == connection.name() + R"(: relation "no_such_table" does not exist)");
  CHECK(connection.name().starts_with("tlsrpt at "));
  CHECK(bad(connection.execute("DO $$ BEGIN RAISE EXCEPTION E'a\\nb\\033[31m'; END $$")).message ==
        connection.name() + R"(: a\x0ab\x1b[31m)");
  CHECK(good(connection.number("SELECT 5")) == 5);
}

TEST_CASE("a lock that others hold, a deadlock and a concurrent change are trouble that may pass") {
  Table table("a bigint PRIMARY KEY, b bigint");
  auto& first = table.connection();
  good(first.execute("INSERT INTO t VALUES (1, 0), (2, 0)"));
  auto second = connect({.statement = 300ms});
  SECTION("a lock") {
    const auto holding = good(Transaction::begin(first));
    good(first.execute("UPDATE t SET b = 1 WHERE a = 1"));
    CHECK(bad(second.execute("UPDATE t SET b = 2 WHERE a = 1")).fault == Fault::temporary);
    CHECK(second.is_alive());
  }
  SECTION("a concurrent change") {
    const auto reading = good(Transaction::begin(second, "ISOLATION LEVEL REPEATABLE READ"));
    CHECK(good(second.number("SELECT b FROM t WHERE a = 1")) == 0);
    good(first.execute("UPDATE t SET b = 1 WHERE a = 1"));
    CHECK(bad(second.execute("UPDATE t SET b = 2 WHERE a = 1")).fault == Fault::temporary);
  }
  SECTION("the same made by two at once") {
    good(first.execute("CREATE TABLE IF NOT EXISTS once (a bigint)"));
    CHECK(bad(second.execute("CREATE TABLE once (a bigint)")).fault == Fault::temporary);
    good(first.execute("DROP TABLE once"));
  }
}

TEST_CASE("a statement that takes too long is ended by the server, and the connection serves again") {
  auto connection = connect({.statement = 200ms});
  const auto begun = Steady::now();
  CHECK(bad(connection.execute("SELECT pg_sleep(60)")).fault == Fault::temporary);
  CHECK(Steady::now() - begun < 2s);
  CHECK(good(connection.number("SELECT 5")) == 5);
}

TEST_CASE("a server that hangs in a statement is given up") {
  auto connection = connect({.statement = 200ms});
  const Paused paused(backend_of(connection));
  const auto begun = Steady::now();
  const auto error = bad(connection.execute("SELECT 1"));
  CHECK(error.fault == Fault::temporary);
  CHECK(error.message == connection.name() + ": no answer within 2200 ms");
  CHECK(Steady::now() - begun < 5s);
  CHECK_FALSE(connection.is_alive());
  CHECK(bad(connection.execute("SELECT 1")).message == connection.name() + ": the connection was lost");
}

TEST_CASE("a server that hangs while a long statement is sent is given up") {
  auto connection = connect({.statement = 200ms});
  const Paused paused(backend_of(connection));
  const std::string large(64UL << 20U, 'x');
  const auto begun = Steady::now();
  CHECK(bad(connection.execute("SELECT $1::text", Parameters().add(large))).fault == Fault::temporary);
  CHECK(Steady::now() - begun < 10s);
}

TEST_CASE("a server that hangs in a transaction does not keep who leaves it") {
  auto connection = connect({.statement = 200ms});
  auto transaction = good(Transaction::begin(connection));
  const Paused paused(backend_of(connection));
  const auto begun = Steady::now();
  CHECK(bad(transaction.commit()).fault == Fault::temporary);
  CHECK(Steady::now() - begun < 5s);
}

TEST_CASE("a connection that the server ends says why, and is lost") {
  auto connection = connect();
  const pid_t pid = backend_of(connection);
  SECTION("between two statements") {
    REQUIRE(::kill(pid, SIGTERM) == 0);
    auto other = connect();
    while (good(other.number("SELECT count(*) FROM pg_stat_activity WHERE pid = $1",
                             Parameters().add(std::int64_t{pid}))) > 0) {
    }
    const auto error = bad(connection.execute("SELECT 1"));
    CHECK(error.fault == Fault::temporary);
    CHECK(error.message == connection.name() + ": terminating connection due to administrator command");
  }
  SECTION("in a statement") {
    std::thread killer([pid] {
      auto other = connect();
      while (
          good(other.number("SELECT count(*) FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'",
                            Parameters().add(std::int64_t{pid}))) == 0) {
      }
      ::kill(pid, SIGTERM);
    });
    const auto error = bad(connection.execute("SELECT pg_sleep(20)"));
    killer.join();
    CHECK(error.fault == Fault::temporary);
    CHECK(error.message == connection.name() + ": terminating connection due to administrator command");
  }
  CHECK_FALSE(connection.is_alive());
}

TEST_CASE("a statement of a kind that is not served ends the connection, not the program") {
  auto connection = connect();
  CHECK(bad(connection.execute("COPY (SELECT 1) TO STDOUT")).fault == Fault::internal);
  CHECK_FALSE(connection.is_alive());
}

TEST_CASE("the session is UTF-8, named, and bounded also where nothing is asked") {
  auto connection = connect({.statement = 1234ms});
  std::string settings;
  good(connection.read(
      "SELECT current_setting('client_encoding') || ' ' || current_setting('application_name') || "
      "' ' || current_setting('statement_timeout') || ' ' || "
      "current_setting('idle_in_transaction_session_timeout')",
      {}, [&](const Row& row) -> Result<void> {
        settings = row.text(0);
        return {};
      }));
  CHECK(settings == "UTF8 starttls-toolkit 1234ms 2468ms");
}

TEST_CASE("notices of the server go nowhere") {
  auto connection = connect();
  good(connection.execute("DROP TABLE IF EXISTS there_is_no_such_table"));
}

// Run alone, while the whole server hangs.
TEST_CASE("a server that hangs is given up when connecting", "[.][paused]") {
  const auto begun = Steady::now();
  const auto error = bad(Connection::open(url(), {.connect = 300ms}));
  CHECK(error.fault == Fault::temporary);
  CHECK(Steady::now() - begun < 3s);
}

// Run alone, with a URL that cannot be connected to: prints the error.
TEST_CASE("cannot connect", "[.][refused]") {
  const auto error = bad(Connection::open(url()));
  WARN("fault " << error.exit_status() << ": " << error.message);
}
