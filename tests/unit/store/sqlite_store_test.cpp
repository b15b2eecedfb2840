#include "examples.h"
#include "sqlite/sqlite.h"
#include "store/store.h"

using namespace starttls;
using namespace starttls::store;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-22T12:00:00Z");
const Period whole_year{good(parse_day("2026-01-01")), good(parse_day("2026-12-31"))};

DailyCounts counts_of(std::initializer_list<Session> sessions) {
  DailyCounts counts;
  for (const Session& session : sessions) add(counts, session);
  return counts;
}

}  // namespace

TEST_CASE("what is folded is read back, and adds up") {
  const TemporaryFolder folder;
  const auto store = good(open_sqlite_store(folder / "s", Access::write));
  CHECK(good(store->fold("a", counts_of({tls_session(), plaintext_session()}), now)));
  CHECK(good(store->fold("b", counts_of({tls_session()}), now)));
  const Snapshot snapshot = good(store->read(whole_year, {"a", "b", "c"}));
  CHECK(snapshot.counts == counts_of({tls_session(), plaintext_session(), tls_session()}));
  CHECK(snapshot.folded == std::set<std::string>{"a", "b"});
}

TEST_CASE("a segment that was folded before changes nothing") {
  const TemporaryFolder folder;
  const auto store = good(open_sqlite_store(folder / "s", Access::write));
  CHECK(good(store->fold("a", counts_of({tls_session()}), now)));
  CHECK_FALSE(good(store->fold("a", counts_of({tls_session()}), now)));
  CHECK(good(store->read(whole_year, {})).counts == counts_of({tls_session()}));
}

TEST_CASE("only the days of the period are read") {
  const TemporaryFolder folder;
  const auto store = good(open_sqlite_store(folder / "s", Access::write));
  good(store->fold("a", counts_of({tls_session()}), now));
  const Day day = good(parse_day("2026-11-22"));
  CHECK(good(store->read({day, day}, {})).counts.size() == 1);
  CHECK(good(store->read({day + std::chrono::days{1}, day + std::chrono::days{1}}, {})).counts.empty());
}

TEST_CASE("old ids are forgotten, young ones kept") {
  const TemporaryFolder folder;
  const auto store = good(open_sqlite_store(folder / "s", Access::write));
  good(store->fold("old", counts_of({tls_session()}), now - std::chrono::hours{25}));
  good(store->fold("young", counts_of({tls_session()}), now));
  good(store->forget_segments(now - std::chrono::hours{24}));
  CHECK(good(store->read(whole_year, {"old", "young"})).folded == std::set<std::string>{"young"});
}

TEST_CASE("a reader sees the store while a writer has it open") {
  const TemporaryFolder folder;
  const auto writer = good(open_sqlite_store(folder / "s", Access::write));
  const auto reader = good(open_sqlite_store(folder / "s", Access::read));
  good(writer->fold("a", counts_of({tls_session()}), now));
  CHECK(good(reader->read(whole_year, {})).counts == counts_of({tls_session()}));
}

TEST_CASE("a store whose file was removed takes nothing, so that nothing is lost in it") {
  const TemporaryFolder folder;
  const auto store = good(open_sqlite_store(folder / "s", Access::write));
  std::filesystem::remove(folder / "s");
  CHECK(bad(store->fold("a", counts_of({tls_session()}), now)).fault == Fault::unavailable);
}

TEST_CASE("a file that is no store is refused and left alone") {
  const TemporaryFolder folder;
  write(folder / "text",
        "this is no database, just a text that is long enough to be looked at by somebody\n");
  CHECK_FALSE(open_sqlite_store(folder / "text", Access::write).has_value());
  CHECK(read(folder / "text").starts_with("this is no database"));
  {
    auto other = good(sqlite::Database::open(folder / "other", sqlite::Opening::creating));
    good(other.execute("CREATE TABLE t (x)"));
  }
  CHECK(bad(open_sqlite_store(folder / "other", Access::write)).fault == Fault::data);
  CHECK(bad(open_sqlite_store(folder / "missing", Access::read)).fault == Fault::unavailable);
}

TEST_CASE("a store of a newer version is refused") {
  const TemporaryFolder folder;
  good(open_sqlite_store(folder / "s", Access::write));
  {
    auto newer = good(sqlite::Database::open(folder / "s", sqlite::Opening::writing));
    good(newer.execute("PRAGMA user_version = 99"));
  }
  CHECK(bad(open_sqlite_store(folder / "s", Access::write)).message.find("newer version") !=
        std::string::npos);
}
