#include "examples.h"
#include "sqlite/sqlite.h"
#include "store/store.h"
#include "store_cases.h"

using namespace starttls;
using namespace starttls::store;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-22T12:00:00Z");
const Period whole_year{good(parse_day("2026-01-01")), good(parse_day("2026-12-31"))};

Result<FoldOutcome> fold_sessions(Store& store, const std::string& segment,
                                  std::initializer_list<Record> records, Time at_time = now) {
  return fold(store, segment, content_of(records), at_time, at_time, {});
}

}  // namespace

TEST_CASE("folded sessions are read back, and are added") {
  const TemporaryFolder folder;
  what_is_folded_is_read_back_and_adds_up(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a segment that was folded before changes nothing") {
  const TemporaryFolder folder;
  a_segment_that_was_folded_before_changes_nothing(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("only the days of the period are read") {
  const TemporaryFolder folder;
  only_the_days_of_the_period_are_read(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("old ids are removed, young ones kept") {
  const TemporaryFolder folder;
  old_ids_are_forgotten(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a reader sees the store while a writer has it open") {
  const TemporaryFolder folder;
  const auto writer = good(open_sqlite_store(folder / "s", Access::owner));
  const auto reader = good(open_sqlite_store(folder / "s", Access::read));
  good(fold_sessions(*writer, "a", {tls_session()}));
  CHECK(read_all(*reader, whole_year, {}).counts == counts_of({tls_session()}));
}

TEST_CASE("a store whose file was removed accepts nothing, so that nothing is lost in it") {
  const TemporaryFolder folder;
  const auto store = good(open_sqlite_store(folder / "s", Access::owner));
  std::filesystem::remove(folder / "s");
  CHECK(bad(fold_sessions(*store, "a", {tls_session()})).fault == Fault::unavailable);
}

TEST_CASE("a file that is no store is refused and not changed") {
  const TemporaryFolder folder;
  write(folder / "text",
        "this is no database, just a text that is long enough to be looked at by somebody\n");
  CHECK_FALSE(open_sqlite_store(folder / "text", Access::owner).has_value());
  CHECK(read(folder / "text").starts_with("this is no database"));
  {
    auto other = good(sqlite::Database::open(folder / "other", sqlite::OpenMode::create));
    good(other.execute("CREATE TABLE t (x)"));
  }
  CHECK(bad(open_sqlite_store(folder / "other", Access::owner)).fault == Fault::data);
  CHECK(bad(open_sqlite_store(folder / "missing", Access::read)).fault == Fault::unavailable);
}

TEST_CASE("a store of a newer version is refused") {
  const TemporaryFolder folder;
  good(open_sqlite_store(folder / "s", Access::owner));
  {
    auto newer = good(sqlite::Database::open(folder / "s", sqlite::OpenMode::read_write));
    good(newer.execute("PRAGMA user_version = 99"));
  }
  CHECK(bad(open_sqlite_store(folder / "s", Access::owner)).message.find("newer version") !=
        std::string::npos);
}

TEST_CASE("a store of version 1 is upgraded to the current version, with all its counts") {
  const TemporaryFolder folder;
  {
    auto old = good(sqlite::Database::open(folder / "s", sqlite::OpenMode::create));
    good(old.execute(R"sql(
      CREATE TABLE session_counts (id INTEGER PRIMARY KEY, day INTEGER NOT NULL, receiving_mx TEXT NOT NULL,
        client_address TEXT NOT NULL, client_name TEXT NOT NULL, outcome TEXT NOT NULL, tls_version TEXT NOT NULL,
        cipher TEXT NOT NULL, cipher_bits INTEGER NOT NULL, client_certificate TEXT NOT NULL,
        sessions INTEGER NOT NULL, messages INTEGER NOT NULL,
        UNIQUE (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher, cipher_bits,
                client_certificate));
      CREATE TABLE domain_counts (session_count INTEGER NOT NULL REFERENCES session_counts (id),
        recipient_domain TEXT NOT NULL, sessions INTEGER NOT NULL, messages INTEGER NOT NULL,
        PRIMARY KEY (session_count, recipient_domain)) WITHOUT ROWID;
      CREATE TABLE folded_segments (id TEXT PRIMARY KEY, folded_at INTEGER NOT NULL) WITHOUT ROWID;
      INSERT INTO session_counts VALUES (7, 20779, 'mx.example.test', '192.0.2.1', 'mail.sender.test', 'tls', 'TLSv1.3',
        'TLS_AES_256_GCM_SHA384', 256, 'trusted', 1, 2);
      INSERT INTO domain_counts VALUES (7, 'example.test', 1, 2), (7, 'example.org', 1, 1);
      INSERT INTO folded_segments VALUES ('old', 5);
      PRAGMA application_id = 1398033201;
      PRAGMA user_version = 1)sql"));
  }
  CHECK(bad(open_sqlite_store(folder / "s", Access::read)).message.find("older version") !=
        std::string::npos);
  const auto store = good(open_sqlite_store(folder / "s", Access::owner));
  const auto [snapshot, counts] = read_all(*store, whole_year, {"old"});
  CHECK(counts == counts_of({tls_session()}));
  CHECK(snapshot.folded == std::set<std::string>{"old"});
  good(fold_sessions(*store, "new", {tls_session()}));
  CHECK(read_all(*store, whole_year, {}).counts == counts_of({tls_session(), tls_session()}));
}

TEST_CASE("a damaged store is renamed, and nothing else is") {
  const TemporaryFolder folder;
  good(fold_sessions(*good(open_sqlite_store(folder / "s", Access::owner)), "a", {tls_session()}));
  CHECK(good(quarantine_if_corrupt(folder / "s", now)).empty());
  write(folder / "s", std::string(100'000, 'x'));
  const std::string aside = good(quarantine_if_corrupt(folder / "s", now));
  CHECK(aside == (folder / "s").string() + ".damaged-" + std::to_string(now.time_since_epoch().count()));
  CHECK(read(aside) == std::string(100'000, 'x'));
  CHECK(
      good(fold_sessions(*good(open_sqlite_store(folder / "s", Access::owner)), "b", {tls_session()})).added);
  {
    auto other = good(sqlite::Database::open(folder / "other", sqlite::OpenMode::create));
    good(other.execute("CREATE TABLE t (x)"));
  }
  CHECK(good(quarantine_if_corrupt(folder / "other", now)).empty());
}

TEST_CASE("a file that is damaged while it is in use is detected, at any moment") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "s";
  good(fold_sessions(*good(open_sqlite_store(file, Access::owner)), "a", {tls_session()}));
  const auto store = good(open_sqlite_store(file, Access::owner));
  good(fold_sessions(*store, "b", {tls_session()}));  // now SQLite has it in memory
  const auto spoil = [&] { write(file, std::string(100'000, 'x')); };
  SECTION("between two folds") {
    spoil();
  }
  SECTION("in a fold") {
    auto fold = good(store->begin_fold());
    good(fold->add(counts_of({tls_session()})));
    spoil();
    (void)fold->commit();
  }
  SECTION("after a fold, before old segments are removed") {
    spoil();
    (void)store->forget_segments(now);
  }
  SECTION("after a fold, before old days are pruned") {
    spoil();
    (void)store->prune(good(parse_day("2026-01-01")), 10);
  }
  CHECK(bad(fold_sessions(*store, "c", {tls_session()})).fault == Fault::data);
}

TEST_CASE("the log of a store that is open for long stays small, and its content is moved to the file") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder / "s";
  const auto store = good(open_sqlite_store(file, Access::owner));
  const auto size = [&](const char* suffix) { return std::filesystem::file_size(file.string() + suffix); };
  const auto size_before = size("");
  std::uintmax_t largest_log = 0;
  for (int round = 0; round < 20; ++round) {
    session::Session session = tls_session();
    session.client_name = std::string(1'000'000, static_cast<char>('a' + round));
    good(fold_sessions(*store, std::to_string(round), {session}));
    largest_log = std::max(largest_log, size("-wal"));
  }
  CHECK(largest_log < 8'000'000);
  CHECK(size("") > size_before + 10'000'000);
}

TEST_CASE("failures of the log and sessions are joined across folds") {
  const TemporaryFolder folder;
  failures_and_sessions_find_each_other_across_folds(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a failure that waits for too long is counted as it is") {
  const TemporaryFolder folder;
  what_waits_too_long_is_counted(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a sender known for TLS that comes in plaintext is a downgrade, reported once a day") {
  const TemporaryFolder folder;
  a_sender_known_for_tls_in_plaintext_is_a_downgrade(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a forgotten sender counts as unknown") {
  const TemporaryFolder folder;
  a_forgotten_sender_counts_as_new(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a sender is also removed from journals that are not folded yet") {
  const TemporaryFolder folder;
  a_sender_is_forgotten_in_journals_too(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("a store of the version before is upgraded with all its content") {
  const TemporaryFolder folder;
  good(fold_sessions(*good(open_sqlite_store(folder / "s", Access::owner)), "a", {tls_session()}));
  {
    auto old = good(sqlite::Database::open(folder / "s", sqlite::OpenMode::read_write));
    good(old.execute("DROP TABLE forgotten; PRAGMA user_version = 2"));
  }
  const auto store = good(open_sqlite_store(folder / "s", Access::owner));
  CHECK(good(store->forget_sender("sender.test", now)));
  CHECK(read_all(*store, whole_year, {}).counts == counts_of({tls_session()}));
}

TEST_CASE("old days are pruned a little at a time") {
  const TemporaryFolder folder;
  CHECK(old_days_are_pruned(*good(open_sqlite_store(folder / "s", Access::owner))) == 6);
}

TEST_CASE("a fold that is not committed changes nothing") {
  const TemporaryFolder folder;
  a_fold_that_is_not_committed_leaves_nothing(*good(open_sqlite_store(folder / "s", Access::owner)));
}

TEST_CASE("segments are folded together, except those that were folded before") {
  const TemporaryFolder folder;
  segments_are_folded_together_but_for_those_that_were_before(
      *good(open_sqlite_store(folder / "s", Access::owner)));
}
