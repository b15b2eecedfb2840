// What only a store that hosts share must do; and what every store must.
#include <sys/resource.h>

#include <chrono>
#include <future>
#include <thread>

#include "server.h"
#include "store/fold.h"
#include "store/store.h"
#include "unit/store/store_cases.h"

using namespace starttls;
using namespace starttls::session;
using namespace starttls::store;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Time now = at("2026-11-22T12:00:00Z");
const Period whole_year{good(parse_day("2026-01-01")), good(parse_day("2026-12-31"))};

std::unique_ptr<Store> open(const std::string& writer = "mx1") {
  return good(open_postgres_store(url(), writer, Access::owner));
}

std::unique_ptr<Store> new_store() {
  empty_database();
  return open();
}

FoldOutcome fold_sessions(Store& store, const std::string& segment, std::initializer_list<Record> records) {
  return good(fold(store, segment, content_of(records), now, now, {}));
}

DailyCounts counts_in(Store& store) {
  return read_all(store, whole_year, {}).counts;
}

std::uint64_t sessions_in(Store& store) {
  std::uint64_t sessions = 0;
  for (const auto& [of, count] : counts_in(store)) sessions += count.total.sessions;
  return sessions;
}

// Ends the connections of everybody else, as a server that is started again does.
void end_connections() {
  good(
      connect().execute("SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                        "WHERE datname = current_database() AND pid <> pg_backend_pid()"));
}

// The sessions of one of many senders that every MX host hears from; each third is without TLS.
Session session_of(int sender, int number) {
  Session session = number % 3 == 0 ? plaintext_session() : tls_session();
  session.client_name = fmt::format("mail.sender-{}.test", sender);
  session.client_address = fmt::format("192.0.2.{}", sender % 200);
  return session;
}

Session on_day(int number) {
  Session session = tls_session();
  session.begin += std::chrono::days{number};
  session.end += std::chrono::days{number};
  return session;
}

// Of the same sender, without TLS, after it.
Session downgrade_on_day(int number) {
  Session session = plaintext_session();
  session.client_name = tls_session().client_name;
  session.begin = on_day(number).begin + 1h;
  session.end = session.begin + 1s;
  return session;
}

std::int64_t partitions() {
  return good(
      connect().number("SELECT count(*) FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
                       "WHERE c.relkind = 'r'"));
}

// Makes of the store what a program of an earlier version has left.
void make_older(int version) {
  auto connection = connect();
  for (const std::string name : {"session_counts", "domain_counts", "downgrades"}) {
    good(connection.execute(
        fmt::format("CREATE TABLE old (LIKE {0} INCLUDING ALL); INSERT INTO old SELECT * FROM {0};"
                    "DROP TABLE {0}; ALTER TABLE old SET (fillfactor = 50);"
                    "ALTER TABLE old RENAME TO {0}; ALTER INDEX old_pkey RENAME TO {0}_pkey",
                    name)));
  }
  if (version < 2) good(connection.execute("DROP TABLE forgotten"));
  good(connection.execute(fmt::format("UPDATE tlsrpt_store SET version = {}", version)));
}

}  // namespace

TEST_CASE("what every store does") {
  const auto store = new_store();
  SECTION("what is folded is read back, and adds up") {
    what_is_folded_is_read_back_and_adds_up(*store);
  }
  SECTION("folded before") {
    a_segment_that_was_folded_before_changes_nothing(*store);
  }
  SECTION("the days of the period") {
    only_the_days_of_the_period_are_read(*store);
  }
  SECTION("old ids") {
    old_ids_are_forgotten(*store);
  }
  SECTION("failures and sessions") {
    failures_and_sessions_find_each_other_across_folds(*store);
  }
  SECTION("what waits") {
    what_waits_too_long_is_counted(*store);
  }
  SECTION("a downgrade") {
    a_sender_known_for_tls_in_plaintext_is_a_downgrade(*store);
  }
  SECTION("a forgotten sender") {
    a_forgotten_sender_counts_as_new(*store);
  }
  SECTION("a sender that is forgotten before its sessions are folded") {
    a_sender_is_forgotten_in_journals_too(*store);
  }
  SECTION("old days") {
    CHECK(old_days_are_pruned(*store) == 1);
  }
  SECTION("not committed") {
    a_fold_that_is_not_committed_leaves_nothing(*store);
  }
  SECTION("together") {
    segments_are_folded_together_but_for_those_that_were_before(*store);
  }
}

TEST_CASE("what one host has waiting and remembers is not another's") {
  const auto first = new_store();
  const auto second = open("mx2");
  fold_sessions(*first, "a", {awaiting_probe()});
  CHECK(fold_sessions(*second, "b", {failure_event()}).waiting == 1);
  CHECK(read_all(*first, whole_year, {}).snapshot.waiting.size() == 2);
  CHECK(fold_sessions(*first, "c", {failure_event()}).waiting == 0);
  CHECK(read_all(*first, whole_year, {}).snapshot.waiting.size() == 1);
  good(second->forget_segments(now + 1h));
  CHECK(read_all(*first, whole_year, {"a", "b", "c"}).snapshot.folded == std::set<std::string>{"a", "c"});
}

TEST_CASE("hosts add to the same counts") {
  const auto first = new_store();
  const auto second = open("mx2");
  fold_sessions(*first, "a", {tls_session()});
  fold_sessions(*second, "b", {tls_session(), plaintext_session()});
  CHECK(counts_in(*first) == counts_of({tls_session(), tls_session(), plaintext_session()}));
}

TEST_CASE("hosts that fold the same senders at the same moment wait for each other, and never in a circle") {
  new_store();
  constexpr int folds = 40;
  constexpr int senders = 300;
  const auto host = [where = url()](int number) -> std::string {
    auto store = open_postgres_store(where, fmt::format("mx{}", number), Access::owner);
    if (!store) return store.error().message;
    for (int i = 0; i < folds; ++i) {
      SegmentContent content(sending_domain);
      for (int j = 0; j < senders; ++j)
        content.add(Record(session_of(number % 2 == 0 ? j : senders - j, i + j)));
      const auto done = fold(**store, fmt::format("{}-{}", number, i), std::move(content), now, now, {});
      if (!done) return done.error().message;
      if (const auto pruned = (*store)->prune(to_day(now) - std::chrono::days{1}, 10); !pruned)
        return pruned.error().message;
    }
    return "";
  };
  std::vector<std::future<std::string>> hosts;
  for (int i = 0; i < 4; ++i) hosts.push_back(std::async(std::launch::async, host, i));
  for (auto& each : hosts) CHECK(each.get() == "");
  CHECK(sessions_in(*open()) == 4 * folds * senders);
}

TEST_CASE("a connection that was lost since the last fold costs nothing") {
  const auto store = new_store();
  fold_sessions(*store, "a", {tls_session()});
  end_connections();
  fold_sessions(*store, "b", {tls_session()});
  CHECK(counts_in(*store) == counts_of({tls_session(), tls_session()}));
}

TEST_CASE("a fold whose connection is lost leaves nothing, and is done the next time") {
  const auto store = new_store();
  {
    const auto transaction = good(store->begin_fold());
    good(transaction->add(counts_of({tls_session()})));
    good(transaction->record("a", now));
    end_connections();
    CHECK(bad(transaction->commit()).fault == Fault::temporary);
  }
  CHECK(fold_sessions(*store, "a", {tls_session()}).added);
  CHECK(counts_in(*store) == counts_of({tls_session()}));
}

TEST_CASE("a fold that the server still works on is over before its host begins another") {
  const auto store = new_store();
  auto stuck = good(store->begin_fold());
  good(stuck->add(counts_of({tls_session()})));
  good(stuck->set_waiting("x"));
  good(stuck->record("a", now));
  // As after a loss of the connection that only the host has noticed.
  auto again = std::async(std::launch::async, [where = url()]() -> Result<bool> {
    auto other = open_postgres_store(where, "mx1", Access::owner);
    if (!other) return std::unexpected(other.error());
    const auto transaction = (*other)->begin_fold();
    if (!transaction) return std::unexpected(transaction.error());
    const auto folded = (*transaction)->is_folded("a");
    if (!folded) return folded;
    const auto waiting = (*transaction)->waiting();
    if (!waiting) return std::unexpected(waiting.error());
    return *folded && *waiting == "x";
  });
  CHECK(again.wait_for(300ms) == std::future_status::timeout);
  good(stuck->commit());
  CHECK(good(again.get()));
}

TEST_CASE("a reader that only may read does so, and makes no tables") {
  empty_database();
  CHECK(bad(open_postgres_store(url(), "", Access::read)).message.find("not a store of tlsrpt-milter") !=
        std::string::npos);
  const auto store = open();
  fold_sessions(*store, "a", {tls_session()});
  const auto reader = good(open_postgres_store(url(), "", Access::read));
  CHECK(counts_in(*reader) == counts_of({tls_session()}));
  CHECK(good(reader->downgrades(whole_year)).empty());
}

TEST_CASE("who changes what is there makes no tables and is no writer") {
  empty_database();
  CHECK(bad(open_postgres_store(url(), "", Access::read_write)).fault == Fault::data);
  fold_sessions(*open(), "a", {tls_session()});
  const auto store = good(open_postgres_store(url(), "", Access::read_write));
  CHECK(good(store->forget_sender("sender.test", tls_session().begin)));
  CHECK(good(connect().number("SELECT count(*) FROM waiting")) == 1);
}

TEST_CASE("a day has partitions of its own, and an old one is dropped, not deleted") {
  const auto store = new_store();
  const auto other = open("mx2");
  for (int i = 0; i < 3; ++i) fold_sessions(*store, fmt::format("{}", i), {on_day(i)});
  CHECK(partitions() == 9);
  const auto last = to_day(on_day(2).begin);
  CHECK(good(store->prune(last, 1)) == 6);  // rows: of each day a class and two domains
  CHECK(partitions() == 3);
  CHECK(good(other->prune(last, 1)) == 0);
  CHECK(counts_in(*other) == counts_of({on_day(2)}));
  // The day can come again, from a journal that has waited.
  fold_sessions(*other, "late", {on_day(0)});
  CHECK(counts_in(*store) == counts_of({on_day(0), on_day(2)}));
}

TEST_CASE("a store of an older version is upgraded with all that is in it, by hosts that start at once") {
  const FoldRules one{.downgrade_after = 1};
  {
    const auto old = new_store();
    for (int i = 0; i < 3; ++i) {
      good(fold(*old, fmt::format("{}", i), content_of({on_day(i), downgrade_on_day(i)}), now, now, one));
    }
  }
  const auto before = counts_in(*open());
  REQUIRE(before.size() == 6);
  auto version = GENERATE(1, 2);
  make_older(version);
  CHECK(bad(open_postgres_store(url(), "", Access::read)).fault == Fault::data);
  std::vector<std::future<std::string>> hosts;
  for (int i = 0; i < 4; ++i) {
    hosts.push_back(std::async(std::launch::async, [where = url(), i]() -> std::string {
      const auto store = open_postgres_store(where, fmt::format("mx{}", i), Access::owner);
      return store ? "" : store.error().message;
    }));
  }
  for (auto& host : hosts) CHECK(host.get() == "");
  const auto store = open();
  CHECK(counts_in(*store) == before);
  CHECK(good(store->downgrades(whole_year)).size() == 3);
  CHECK(partitions() == 9);
  // What the upgraded tables have is added to, and removed.
  good(fold(*store, "more", content_of({on_day(0), downgrade_on_day(2)}), now, now, one));
  CHECK(sessions_in(*store) == 8);
  CHECK(good(store->forget_sender("sender.test", now)));
  CHECK(good(store->prune(to_day(on_day(3).begin), 100)) > 0);
  CHECK(partitions() == 0);
}

TEST_CASE("an upgrade that is interrupted leaves the store as it was") {
  fold_sessions(*new_store(), "a", {on_day(0)});
  make_older(2);
  good(connect().execute("CREATE TABLE without_partitions ()"));
  CHECK_FALSE(open_postgres_store(url(), "mx1", Access::owner));
  CHECK(good(connect().number("SELECT version FROM tlsrpt_store")) == 2);
  good(connect().execute("DROP TABLE without_partitions"));
  CHECK(counts_in(*open()) == counts_of({on_day(0)}));
}

TEST_CASE("a store that another host has upgraded takes nothing from an older program") {
  const auto store = new_store();
  good(connect().execute("UPDATE tlsrpt_store SET version = 99"));
  const auto refused = fold(*store, "a", content_of({tls_session()}), now, now, {});
  CHECK(bad(refused).fault == Fault::data);
  CHECK(bad(refused).message.find("newer version") != std::string::npos);
  CHECK(bad(open_postgres_store(url(), "mx1", Access::owner)).fault == Fault::data);
  CHECK(bad(open_postgres_store(url(), "", Access::read)).fault == Fault::data);
}

TEST_CASE("a store that was emptied is filled again once it is opened again") {
  const auto store = new_store();
  good(connect().execute("DELETE FROM waiting"));
  CHECK(bad(fold(*store, "a", content_of({tls_session()}), now, now, {})).fault == Fault::temporary);
  fold_sessions(*open(), "a", {tls_session()});
}

TEST_CASE("a class as large as the milter lets it be has its place") {
  const auto store = new_store();
  session::Session session = tls_session();
  for (auto* text : {&session.receiving_mx, &session.client_address, &session.client_name,
                     &session.tls_version, &session.cipher}) {
    text->clear();
    // Nothing that the server could make smaller.
    for (unsigned i = 0; text->size() < 255; ++i) *text += static_cast<char>('!' + (i * i * 31 + i * 7) % 90);
  }
  fold_sessions(*store, "a", {session});
  CHECK(counts_in(*store) == counts_of({session}));
}

// Run alone, for a look at what the server has kept of it.
TEST_CASE("one fold", "[.][fold]") {
  fold_sessions(*open(), "a", {tls_session()});
}

// How fast a million sessions of ten thousand senders are added, in segments of the usual size.
TEST_CASE("speed", "[.][speed]") {
  const auto store = new_store();
  constexpr int sessions = 1'000'000;
  constexpr int senders = 10'000;
  constexpr int in_segment = 10'000;
  std::chrono::duration<double> folding{};
  for (int done = 0; done < sessions; done += in_segment) {
    SegmentContent content(sending_domain);
    for (int i = done; i < done + in_segment; ++i) content.add(Record(session_of(i % senders, i)));
    const auto begin = std::chrono::steady_clock::now();
    good(fold(*store, std::to_string(done), std::move(content), now, now, {}));
    folding += std::chrono::steady_clock::now() - begin;
  }
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  WARN(fmt::format("{:.1f} s in folds, {} KiB at most", folding.count(), usage.ru_maxrss));
  CHECK(sessions_in(*store) == sessions);
}
