#include "sqlite/sqlite.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace starttls::sqlite;
using namespace starttls::test;

TEST_CASE("bound values are read back, and a parameter that is not bound is NULL") {
  auto database = good(Database::in_memory());
  good(database.execute("CREATE TABLE t (a, b, c)"));
  auto insert = good(database.prepare("INSERT INTO t VALUES (?1, ?2, ?3)"));
  const std::string with_nul("x\0y", 3);
  good(insert.bind(1, with_nul).bind(2, std::int64_t{-7}).run());
  CHECK(database.total_changes() == 1);
  auto select = good(database.prepare("SELECT a, b, c FROM t"));
  REQUIRE(good(select.step()));
  CHECK(select.text(0) == with_nul);
  CHECK(select.size(0) == 3);
  CHECK(select.number(1) == -7);
  CHECK(select.is_null(2));
  CHECK(select.text(2).empty());
  CHECK_FALSE(good(select.step()));
}

TEST_CASE("borrowed values are read back, and need not exist after the run") {
  auto database = good(Database::in_memory());
  good(database.execute("CREATE TABLE t (a, b)"));
  auto insert = good(database.prepare("INSERT INTO t VALUES (?1, ?2)"));
  for (const char* text : {"one", "", "three"}) {
    std::string lent = text;
    good(insert.bind_view(1, lent).bind_bytes_view(2, lent).run());
    lent.assign("gone");
  }
  CHECK(good(database.number(
            "SELECT count(*) FROM t WHERE a IN ('one', '', 'three') AND typeof(b) = 'blob'")) == 3);
}

TEST_CASE("a transaction that is not committed changes nothing") {
  auto database = good(Database::in_memory());
  good(database.execute("CREATE TABLE t (a)"));
  {
    const auto transaction = good(Transaction::begin(database, "IMMEDIATE"));
    good(database.execute("INSERT INTO t VALUES (1)"));
  }
  CHECK(good(database.number("SELECT count(*) FROM t")) == 0);
}

TEST_CASE("an error names the file, or says database if there is no file") {
  const TemporaryFolder folder;
  auto file = good(Database::open(folder / "f", OpenMode::create));
  CHECK(bad(file.execute("SELECT * FROM t")).message == (folder / "f").string() + ": no such table: t");
  auto memory = good(Database::in_memory());
  CHECK(bad(memory.execute("SELECT * FROM t")).message == "database: no such table: t");
  CHECK(bad(Database::open(folder / "missing", OpenMode::read_write)).message ==
        (folder / "missing").string() + ": unable to open database file");
}

TEST_CASE("a file that is no database is bad data") {
  const TemporaryFolder folder;
  write(folder / "f", std::string(4096, 'x'));
  auto database = good(Database::open(folder / "f", OpenMode::read_write));
  CHECK(bad(database.number("PRAGMA user_version")).fault == Fault::data);
}

TEST_CASE("a file that others lock for longer than the wait is a temporary error") {
  const TemporaryFolder folder;
  auto first = good(Database::open(folder / "f", OpenMode::create));
  auto second = good(Database::open(folder / "f", OpenMode::read_write));
  const auto transaction = good(Transaction::begin(first, "EXCLUSIVE"));
  second.set_busy_timeout(std::chrono::milliseconds{1});
  CHECK(bad(Transaction::begin(second, "IMMEDIATE")).fault == Fault::temporary);
}

// SQLite itself waits here, for ten seconds.
TEST_CASE("a log whose index cannot be read while others lock it is a temporary error") {
  const TemporaryFolder folder;
  auto database = good(Database::open(folder / "db", OpenMode::create));
  good(database.execute("PRAGMA journal_mode = WAL; CREATE TABLE t (a)"));
  // An index without its header, which must be written again, and a process that has the lock for that
  // (https://www.sqlite.org/walformat.html, section 2.3).
  const UniqueFd index(::open((folder / "db-shm").c_str(), O_RDWR | O_CLOEXEC));
  const std::string zeros(96, '\0');
  REQUIRE(::pwrite(index.get(), zeros.data(), zeros.size(), 0) == 96);
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 120;
  lock.l_len = 1;
  REQUIRE(::fcntl(index.get(), F_OFD_SETLK, &lock) == 0);
  const Error error = bad(database.number("SELECT count(*) FROM t"));
  CHECK(error.fault == Fault::temporary);
  CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring("locking protocol"));
}

TEST_CASE("a file that was removed or renamed is detected") {
  const TemporaryFolder folder;
  auto database = good(Database::open(folder / "f", OpenMode::create));
  good(database.execute("CREATE TABLE t (a)"));
  CHECK_FALSE(database.has_moved());
  std::filesystem::rename(folder / "f", folder / "g");
  CHECK(database.has_moved());
  CHECK_FALSE(good(Database::in_memory()).has_moved());
}

TEST_CASE("a persistent log exists, and is empty, when the last connection is closed") {
  const TemporaryFolder folder;
  const auto file = folder / "f";
  const auto write = [&](bool keep) {
    auto database = good(Database::open(file, OpenMode::create));
    good(database.execute("PRAGMA journal_mode = WAL; PRAGMA journal_size_limit = 0"));
    if (keep) database.persist_wal();
    good(database.execute("CREATE TABLE IF NOT EXISTS t (a); INSERT INTO t VALUES (1)"));
  };
  write(true);
  CHECK(std::filesystem::file_size(file.string() + "-wal") == 0);
  CHECK(std::filesystem::exists(file.string() + "-shm"));
  CHECK(good(good(Database::open(file, OpenMode::read_only)).number("SELECT count(*) FROM t")) == 1);
  write(false);
  CHECK_FALSE(std::filesystem::exists(file.string() + "-wal"));
}

TEST_CASE("a file that no process writes is read without creating other files, whatever its name") {
  const TemporaryFolder folder;
  const auto file = folder / "100%?#&.sqlite";
  good(good(Database::open(file, OpenMode::create)).execute("PRAGMA journal_mode=WAL; CREATE TABLE t (a)"));
  auto reader = good(Database::open(file, OpenMode::immutable));
  CHECK(good(reader.number("SELECT count(*) FROM t")) == 0);
  CHECK(reader.is_read_only());
  CHECK_FALSE(std::filesystem::exists(file.string() + "-shm"));
}

TEST_CASE("processes that open a database at the same moment can all write") {
  const TemporaryFolder folder;
  good(good(Database::open(folder / "d", OpenMode::create))
           .execute("PRAGMA journal_mode = WAL; CREATE TABLE t (a)"));
  const auto write = [&] {
    auto database = Database::open(folder / "d", OpenMode::read_write);
    return database && database->execute("INSERT INTO t VALUES (1)");
  };
  // Each round starts without -wal and -shm, which the first of them creates.
  constexpr int rounds = 200;
  for (int round = 0; round < rounds; ++round) {
    std::array<int, 2> start{};
    REQUIRE(::pipe2(start.data(), O_CLOEXEC) == 0);
    std::array<pid_t, 2> writers{};
    for (pid_t& writer : writers) {
      writer = ::fork();
      REQUIRE(writer >= 0);
      if (writer > 0) continue;
      ::close(start[1]);
      char nothing = 0;
      (void)!::read(start[0], &nothing, 1);  // until the parent closes its end
      ::_exit(write() ? 0 : 1);
    }
    ::close(start[0]);
    ::close(start[1]);
    for (const pid_t writer : writers) {
      int status = -1;
      REQUIRE(::waitpid(writer, &status, 0) == writer);
      REQUIRE(status == 0);
    }
  }
  auto database = good(Database::open(folder / "d", OpenMode::read_only));
  CHECK(good(database.number("SELECT count(*) FROM t")) == 2 * rounds);
}
