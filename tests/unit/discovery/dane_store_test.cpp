#include "discovery/dane_store.h"

#include <sys/stat.h>

#include "sqlite/sqlite.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
using namespace std::chrono_literals;
using dane::DaneStatus;
using discovery::DaneStore;

namespace {

const Time now = at("2026-11-28T12:00:00Z");

DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

DaneStore open(const std::filesystem::path& file, std::size_t max = discovery::max_stored_results) {
  auto opened = DaneStore::open_or_fall_back(file, max);
  CHECK_FALSE(opened.warning);
  return std::move(opened.store);
}

std::string status(DaneStore& store, std::string_view domain, Time when = now) {
  const auto found = good(store.find(name(domain), when));
  return found ? std::string(dane::to_string(found->status)) : "";
}

void keep(DaneStore& store, std::string_view domain, DaneStatus status, Time until = now + 24h) {
  good(store.keep(name(domain), {.status = status, .reason = "as the test says"}, now, until));
}

}  // namespace

TEST_CASE("a verdict is found until it expires, also by the next program that opens the file") {
  const TemporaryFolder folder;
  {
    DaneStore store = open(folder / "dane");
    CHECK(status(store, "a.test").empty());
    keep(store, "a.test", DaneStatus::all);
    keep(store, "b.test", DaneStatus::some);
    keep(store, "c.test", DaneStatus::none);
    keep(store, "d.test", DaneStatus::unusable);
    good(store.remove(name("d.test")));
    good(store.remove(name("nobody.test")));
  }
  DaneStore store = open(folder / "dane");
  CHECK(status(store, "a.test") == "all");
  CHECK(status(store, "b.test") == "some");
  CHECK(status(store, "c.test") == "none");
  CHECK(status(store, "d.test").empty());
  CHECK(good(store.find(name("a.test"), now))->reason == "as the test says");
  CHECK(status(store, "a.test", now + 24h - 1s) == "all");
  CHECK(status(store, "a.test", now + 24h).empty());
}

TEST_CASE("a renewed verdict is valid longer, however short its TTL") {
  const TemporaryFolder folder;
  DaneStore store = open(folder / "dane");
  for (int i = 1; i <= 100; ++i) {
    good(store.keep(name("a.test"), {.status = DaneStatus::all}, now + i * 1s, now + 60s + i * 1s));
    CHECK(status(store, "a.test", now + i * 1s + 50s) == "all");
  }
}

TEST_CASE("a clock that was wrong for a while does not extend a verdict") {
  const TemporaryFolder folder;
  DaneStore store = open(folder / "dane");
  const Time far = now + 24h * 10'000;
  good(store.keep(name("a.test"), {.status = DaneStatus::all}, far, far + 24h));
  CHECK(status(store, "a.test").empty());
  good(store.keep(name("b.test"), {.status = DaneStatus::all}, now, far));
  CHECK(status(store, "b.test") == "all");
  CHECK(status(store, "b.test", now + discovery::max_result_age).empty());
}

TEST_CASE("with too many verdicts those that expire soonest are removed") {
  const TemporaryFolder folder;
  DaneStore store = open(folder / "dane", 100);
  for (int i = 0; i < 300; ++i) {
    keep(store, fmt::format("d{}.test", i), DaneStatus::all, now + 24h + i * 1h);
  }
  CHECK(status(store, "d199.test").empty());
  CHECK(status(store, "d202.test") == "all");
  CHECK(status(store, "d299.test") == "all");
  auto database = good(sqlite::Database::open(folder / "dane", sqlite::OpenMode::read_only));
  CHECK(good(database.number("SELECT count(*) FROM results")) <= 100);
}

TEST_CASE("a file of another kind is renamed, and a new one is created") {
  const TemporaryFolder folder;
  write(folder / "dane", std::string(5'000, 'x'));
  auto opened = DaneStore::open_or_fall_back(folder / "dane");
  REQUIRE(opened.warning);
  CHECK(opened.warning->message.ends_with("dane.damaged, and created again"));
  keep(opened.store, "a.test", DaneStatus::all);
  DaneStore other = open(folder / "dane");
  CHECK(status(other, "a.test") == "all");
  CHECK(std::filesystem::file_size(folder / "dane.damaged") == 5'000);
}

TEST_CASE("if the file cannot be used, answers stay right, but are lost at the end of the program") {
  const TemporaryFolder folder;
  auto opened = DaneStore::open_or_fall_back(folder / "nowhere" / "dane");
  REQUIRE(opened.warning);
  CHECK(opened.warning->message.ends_with("; DANE results are kept in memory only"));
  keep(opened.store, "a.test", DaneStatus::all);
  CHECK(status(opened.store, "a.test") == "all");
}

TEST_CASE("a file of a newer version is not changed") {
  const TemporaryFolder folder;
  {
    DaneStore store = open(folder / "dane");
    keep(store, "a.test", DaneStatus::all);
  }
  good(good(sqlite::Database::open(folder / "dane", sqlite::OpenMode::read_write))
           .execute("PRAGMA user_version = 9"));
  auto opened = DaneStore::open_or_fall_back(folder / "dane");
  REQUIRE(opened.warning);
  CHECK(opened.warning->message.ends_with("; DANE results are kept in memory only"));
  CHECK_FALSE(std::filesystem::exists(folder / "dane.damaged"));
}

TEST_CASE("a file that is removed while it is open is created again") {
  const TemporaryFolder folder;
  DaneStore store = open(folder / "dane");
  keep(store, "a.test", DaneStatus::all);
  std::filesystem::remove(folder / "dane");
  keep(store, "b.test", DaneStatus::all);
  DaneStore other = open(folder / "dane");
  CHECK(status(other, "b.test") == "all");
}
