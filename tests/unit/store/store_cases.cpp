#include "store_cases.h"

namespace starttls::test {

using namespace store;
using namespace std::chrono_literals;
using namespace session;

namespace {

const Period year{good(parse_day("2026-01-01")), good(parse_day("2026-12-31"))};
const Time noon = at("2026-11-22T12:00:03Z");

FoldOutcome fold_at(Store& store, const std::string& segment, Time journal_time,
                    std::initializer_list<Record> records, FoldRules rules = {}) {
  return good(fold(store, segment, content_of(records), journal_time, journal_time, rules));
}

// The same in the way of the recorder, which reads the segment within the transaction.
FoldOutcome read_and_fold(Store& store, const std::string& segment, std::initializer_list<Record> records,
                          FoldRules rules) {
  const auto read = [&](const std::string&, SegmentContent& content) {
    for (const Record& record : records) content.add(record);
    return true;
  };
  return good(fold(store, {segment}, read, sending_domain, noon, rules));
}

DailyCounts counts_in(Store& store) {
  return read_all(store, year, {}).counts;
}

Session failed_probe(HandshakeFailure failure = HandshakeFailure::unknown_ca) {
  Session session = probe();
  session.failure = failure;
  return session;
}

Session at_time(Session session, Time begin) {
  session.end += begin - session.begin;
  session.begin = begin;
  return session;
}

// Of the sender of tls_session(), without TLS.
Session without_tls(Time begin) {
  Session session = at_time(plaintext_session(), begin);
  session.client_name = tls_session().client_name;
  return session;
}

}  // namespace

Everything read_all(store::Store& store, const store::Period& period,
                    const std::vector<std::string>& segments) {
  Everything all;
  all.snapshot =
      good(store.read(period, segments, [&](const store::SessionClass& of, const store::ClassCount& count) {
        CHECK(all.counts.emplace(of, count).second);
      }));
  return all;
}

void what_is_folded_is_read_back_and_adds_up(Store& store) {
  CHECK(fold_at(store, "a", noon, {tls_session(), plaintext_session()}).added);
  CHECK(fold_at(store, "b", noon, {tls_session()}).added);
  const auto [snapshot, counts] = read_all(store, year, {"a", "b", "c"});
  CHECK(counts == counts_of({tls_session(), plaintext_session(), tls_session()}));
  CHECK(snapshot.folded == std::set<std::string>{"a", "b"});
}

void a_segment_that_was_folded_before_changes_nothing(Store& store) {
  CHECK(fold_at(store, "a", noon, {tls_session()}).added);
  CHECK_FALSE(fold_at(store, "a", noon, {tls_session()}).added);
  CHECK(counts_in(store) == counts_of({tls_session()}));
}

void only_the_days_of_the_period_are_read(Store& store) {
  fold_at(store, "a", noon, {tls_session()});
  const Day day = to_day(noon);
  CHECK(read_all(store, {day, day}, {}).counts == counts_of({tls_session()}));
  CHECK(read_all(store, {day + std::chrono::days{1}, day + std::chrono::days{1}}, {}).counts.empty());
}

void old_ids_are_forgotten(Store& store) {
  fold_at(store, "old", noon - 25h, {tls_session()});
  fold_at(store, "young", noon, {tls_session()});
  good(store.forget_segments(noon - 24h));
  CHECK(read_all(store, year, {"old", "young"}).snapshot.folded == std::set<std::string>{"young"});
}

void failures_and_sessions_find_each_other_across_folds(Store& store) {
  // First the session, then the failure.
  CHECK(fold_at(store, "a", noon, {awaiting_probe()}).waiting == 1);
  CHECK(counts_in(store).empty());
  CHECK(read_all(store, year, {}).snapshot.waiting.size() == 1);
  const FoldOutcome joined = fold_at(store, "b", noon + 5s, {failure_event()});
  CHECK(joined.waiting == 0);
  CHECK(joined.sessions == 1);
  CHECK(joined.failed == 1);
  CHECK(counts_in(store) == counts_of({failed_probe()}));
  CHECK(read_all(store, year, {}).snapshot.waiting.empty());
  // First the failure.
  CHECK(fold_at(store, "c", noon + 10s, {failure_event()}).sessions == 0);
  fold_at(store, "d", noon + 15s, {awaiting_probe()});
  CHECK(counts_in(store) == counts_of({failed_probe(), failed_probe()}));
  // A segment that arrives again changes nothing, also not the waiting failures.
  fold_at(store, "e", noon + 16s, {awaiting_probe()});
  CHECK_FALSE(fold_at(store, "e", noon + 16s, {awaiting_probe()}).added);
  CHECK(fold_at(store, "f", noon + 17s, {failure_event()}).waiting == 0);
  CHECK(counts_in(store) == counts_of({failed_probe(), failed_probe(), failed_probe()}));
}

void what_waits_too_long_is_counted(Store& store) {
  fold_at(store, "a", noon, {awaiting_probe(), failure_event("2026-11-22T12:00:01Z", "192.0.2.77")});
  CHECK(good(count_waiting(store, noon + 30s, {})).waiting == 2);
  CHECK(good(count_waiting(store, noon + 62s, {})).waiting == 0);
  session::Session seen_by_log{.begin = at("2026-11-22T12:00:01Z"),
                               .end = at("2026-11-22T12:00:01Z"),
                               .receiving_mx = "mx.example.test",
                               .client_address = "192.0.2.77",
                               .failure = HandshakeFailure::unknown_ca};
  CHECK(counts_in(store) == counts_of({probe(), seen_by_log}));
}

void a_sender_known_for_tls_in_plaintext_is_a_downgrade(Store& store) {
  const FoldRules three{.downgrade_after = 3};
  const Time begin = tls_session().begin;
  fold_at(store, "a", begin, {tls_session(), without_tls(begin + 1s), tls_session()}, three);
  CHECK(good(store.downgrades(year)).empty());
  // The third with TLS is in the same segment as the first that counts.
  const Session last = at_time(tls_session(), begin + 1h);
  const auto first =
      fold_at(store, "b", begin + 2h, {last, without_tls(begin + 2h), without_tls(begin + 3h)}, three);
  CHECK(first.downgraded == 2);
  REQUIRE(first.downgrades.size() == 1);
  CHECK(first.downgrades[0].sender == "sender.test");
  // It is reported once a day.
  CHECK(fold_at(store, "c", begin + 4h, {without_tls(begin + 4h)}, three).downgrades.empty());
  CHECK(fold_at(store, "d", begin + 24h, {without_tls(begin + 24h)}, three).downgrades.size() == 1);
  const auto downgrades = good(store.downgrades(year));
  REQUIRE(downgrades.size() == 2);
  CHECK(downgrades[0] == Downgrade{.sender = "sender.test",
                                   .day = to_day(begin),
                                   .sessions = 3,
                                   .first_plaintext = begin + 2h,
                                   .last_tls = begin + 1h,
                                   .best_tls = "TLSv1.3",
                                   .tls_sessions = 3});
  std::uint64_t downgraded = 0;
  std::uint64_t others = 0;
  for (const auto& [of, count] : counts_in(store)) {
    if (of.outcome == Outcome::plaintext) (of.downgraded ? downgraded : others) += count.total.sessions;
  }
  CHECK(downgraded == 4);
  CHECK(others == 1);
  const Senders known = good(store.senders(3));
  REQUIRE(known.contains("sender.test"));
  CHECK(known.at("sender.test").tls_sessions == 3);
  CHECK(known.at("sender.test").last_downgrade == to_day(begin + 24h));
  CHECK(good(store.senders(4)).empty());
}

void a_forgotten_sender_counts_as_new(Store& store) {
  const FoldRules one{.downgrade_after = 1};
  const Time begin = tls_session().begin;
  fold_at(store, "a", begin, {tls_session()}, one);
  const auto before = good(store.forget_generation());
  CHECK(good(store.forget_sender("sender.test", begin)));
  CHECK_FALSE(good(store.forget_sender("sender.test", begin)));
  CHECK(good(store.forget_generation()) != before);
  CHECK(fold_at(store, "b", begin, {without_tls(begin + 1s)}, one).downgraded == 0);
}

void a_sender_is_forgotten_in_journals_too(Store& store) {
  const FoldRules one{.downgrade_after = 1};
  const Time begin = tls_session().begin;
  // Two sessions had ended when the sender was forgotten; they are folded after that.
  CHECK_FALSE(good(store.forget_sender("sender.test", begin + 2h)));
  const Session before = at_time(tls_session(), begin);
  const Session after = at_time(tls_session(), begin + 3h);
  CHECK(read_and_fold(store, "a", {before, before, without_tls(begin + 1h)}, one).downgraded == 0);
  CHECK(good(store.senders(1)).empty());
  CHECK(read_and_fold(store, "b", {before, after, without_tls(begin + 1h)}, one).downgraded == 0);
  CHECK(good(store.senders(1)).at("sender.test").tls_sessions == 1);
  CHECK(read_and_fold(store, "c", {without_tls(begin + 4h)}, one).downgraded == 1);
  CHECK(good(store.forget_sender("sender.test", begin + 5h)));
  CHECK(good(store.prune(to_day(begin) + std::chrono::days{1}, 100)) > 0);
}

std::size_t old_days_are_pruned(Store& store) {
  const Time begin = tls_session().begin;
  const FoldRules one{.downgrade_after = 1};
  for (int day = 0; day < 5; ++day) {
    const Time then = begin + std::chrono::days{day};
    fold_at(store, std::to_string(day), then, {at_time(tls_session(), then), without_tls(then + 1h)}, one);
  }
  const Day first = to_day(begin) + std::chrono::days{3};
  std::size_t rounds = 0;
  while (good(store.prune(first, 1)) > 0) ++rounds;
  for (const auto& [of, count] : counts_in(store)) CHECK(of.day >= first);
  CHECK(counts_in(store).size() == 4);
  CHECK(good(store.downgrades(year)).size() == 2);
  CHECK(good(store.senders(1)).size() == 1);
  while (good(store.prune(first + std::chrono::days{30}, 100)) > 0) {
  }
  CHECK(counts_in(store).empty());
  CHECK(good(store.downgrades(year)).empty());
  CHECK(good(store.senders(1)).empty());
  return rounds;
}

void a_fold_that_is_not_committed_leaves_nothing(Store& store) {
  {
    const auto transaction = good(store.begin_fold());
    good(transaction->add(counts_of({tls_session()})));
    good(transaction->add(Senders{{"sender.test", {.tls_sessions = 1}}}));
    good(transaction->set_waiting("x"));
    good(transaction->record("a", noon));
  }
  const auto [snapshot, counts] = read_all(store, year, {"a"});
  CHECK(counts.empty());
  CHECK(snapshot.folded.empty());
  CHECK(snapshot.waiting.empty());
  CHECK(good(store.senders(0)).empty());
}

void segments_are_folded_together_but_for_those_that_were_before(Store& store) {
  fold_at(store, "a", noon, {tls_session()});
  const auto read = [](const std::string& segment, SegmentContent& content) {
    if (segment == "c") return false;
    content.add(segment == "d" ? plaintext_session() : tls_session());
    content.add(LogEvent{.position = {.number = segment == "a" ? 9U : 5U, .text = segment}});
    return true;
  };
  const auto outcome = good(fold(store, {"a", "b", "c", "d"}, read, sending_domain, noon, {}));
  CHECK(outcome.added);
  CHECK(outcome.sessions == 2);
  CHECK(outcome.position->number == 9);
  const auto [snapshot, counts] = read_all(store, year, {"a", "b", "c", "d"});
  CHECK(counts == counts_of({tls_session(), tls_session(), plaintext_session()}));
  CHECK(snapshot.folded == std::set<std::string>{"a", "b", "d"});
  const auto again = good(fold(store, {"a", "b"}, read, sending_domain, noon, {}));
  CHECK_FALSE(again.added);
  CHECK(again.position->number == 9);
}

}  // namespace starttls::test
