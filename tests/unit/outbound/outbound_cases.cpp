#include "outbound_cases.h"

#include "examples.h"
#include "outbound/fold.h"

namespace starttls::test {

using namespace outbound;
using namespace std::chrono_literals;

Payloads payloads_of(const std::vector<std::string>& datagrams, Time when) {
  Payloads payloads;
  for (const std::string& text : datagrams) payloads.push_back(encode(received(text, when)));
  return payloads;
}

FoldOutcome fold_of(Store& store, KnownResults& known, const std::string& segment, const Payloads& payloads,
                    Limits limits) {
  const auto read = [&](const std::string&, const journal::TakePayload& take) {
    for (const std::string& payload : payloads) CHECK(take(payload));
    return true;
  };
  return good(fold(store, {segment}, read, limits, known, noon));
}

FoldOutcome fold_of(Store& store, const std::string& segment, const Payloads& payloads, Limits limits) {
  KnownResults none;
  return fold_of(store, none, segment, payloads, limits);
}

Everything read_all(Store& store, const Query& query) {
  Everything all;
  all.days = good(store.read(
      query,
      [&](const std::set<std::string>& segments) -> Result<void> {
        CHECK(all.counts.empty());
        all.folded = segments;
        return {};
      },
      [&](const PolicyOfDay& of, const PolicyCount& count) -> Result<void> {
        CHECK(all.counts.emplace(of, count).second);
        all.domains.push_back(of.policy.domain);
        return {};
      }));
  return all;
}

namespace {

const Day day = to_day(noon);

AddedPolicies policies_of(const Payloads& payloads) {
  SegmentContent content;
  for (const std::string& payload : payloads) CHECK(content.add(payload));
  return content.take().policies;
}

DailyCounts counts_of(const Payloads& payloads) {
  return daily_counts(policies_of(payloads));
}

void what_is_folded_is_read_back_and_adds_up(Store& store) {
  const Payloads first = payloads_of({datagram(), failed_datagram(), datagram("other.example")});
  const Payloads second =
      payloads_of({datagram(), failed_datagram(), failed_datagram("example.org", "expired")});
  CHECK(fold_of(store, "a", first).total.results == 3);
  CHECK(fold_of(store, "b", second).total.results == 3);
  const Everything all = read_all(store, {.period = year, .domain = "", .segments = {"a", "b", "c"}});
  Payloads both = first;
  both.insert(both.end(), second.begin(), second.end());
  CHECK(all.counts == counts_of(both));
  CHECK(all.folded == std::set<std::string>{"a", "b"});
  CHECK(all.days == DayTotals{{day, {.results = 6}}});
}

void a_segment_that_was_folded_before_changes_nothing(Store& store) {
  const Payloads payloads = payloads_of({datagram(), "malformed"});
  CHECK(fold_of(store, "a", payloads).added);
  CHECK_FALSE(fold_of(store, "a", payloads).added);
  CHECK(read_all(store).counts == counts_of(payloads));
  CHECK(read_all(store).days == DayTotals{{day, {.results = 1, .malformed = 1}}});
  good(store.forget_segments(noon + 1s));
  CHECK(read_all(store, {.period = year, .domain = "", .segments = {"a"}}).folded.empty());
}

void a_fold_that_is_not_committed_leaves_nothing(Store& store) {
  {
    const auto transaction = good(store.begin_fold());
    AddedPolicies policies = policies_of(payloads_of({failed_datagram()}));
    good(transaction->add(policies, {}, {}));
    good(transaction->add(DayTotals{{day, {.results = 1}}}));
    good(transaction->record("a", noon));
  }
  CHECK(read_all(store).counts.empty());
  CHECK(read_all(store).days.empty());
  CHECK(fold_of(store, "a", payloads_of({failed_datagram()})).added);
  CHECK(read_all(store).counts.size() == 1);
}

void only_the_days_and_the_domain_that_were_asked_for_are_read(Store& store) {
  fold_of(store, "a", payloads_of({datagram(), datagram("other.example")}));
  fold_of(store, "b", payloads_of({datagram()}, noon + 24h));
  CHECK(read_all(store).counts.size() == 3);
  CHECK(read_all(store, {.period = {day, day}}).counts.size() == 2);
  CHECK(read_all(store, {.period = {day, day}}).days.size() == 1);
  CHECK(read_all(store, {.period = year, .domain = "example.org"}).counts.size() == 2);
  CHECK(read_all(store, {.period = {day, day}, .domain = "other.example"}).counts.size() == 1);
  CHECK(read_all(store, {.period = year, .domain = "none.example"}).counts.empty());
  const auto ignore = [](const std::set<std::string>&) -> Result<void> { return {}; };
  CHECK(good(store.read({.period = year}, ignore, {})) == read_all(store).days);
}

void policies_come_in_the_order_of_their_domains(Store& store) {
  fold_of(store, "a",
          payloads_of({datagram("b.example"), datagram("a-b.example"), datagram("xn--a.example")}));
  fold_of(store, "b",
          payloads_of({datagram("a.example"), failed_datagram("b.example"), datagram("ab.example")}));
  CHECK(read_all(store).domains ==
        std::vector<std::string>{"a-b.example", "a.example", "ab.example", "b.example", "xn--a.example"});
}

void old_days_are_removed_and_their_texts_before(Store& store) {
  for (int i = 0; i < 4; ++i)
    fold_of(store, fmt::format("{}", i), payloads_of({failed_datagram()}, noon + i * 24h));
  CHECK(good(store.prune(day + std::chrono::days{1}, day + std::chrono::days{3})) == 1);
  const Everything all = read_all(store);
  REQUIRE(all.counts.size() == 3);
  CHECK(all.days.size() == 3);
  for (const auto& [of, count] : all.counts) {
    const bool has_texts = of.day == day + std::chrono::days{3};
    CHECK(of.policy.domain == "example.org");
    CHECK(of.policy.record.empty() == !has_texts);
    CHECK(of.policy.mx_hosts.empty() == !has_texts);
    CHECK(count.failures.size() == 1);
  }
  // The day can come again, from a journal that has waited.
  CHECK(fold_of(store, "late", payloads_of({datagram()})).added);
  CHECK(read_all(store, {.period = {day, day}}).counts.size() == 1);
}

void policies_that_differ_where_texts_are_cut_off_are_one(Store& store) {
  const auto with_end = [](const std::string& end) {
    std::string strings;
    for (int i = 0; i < 10; ++i) strings += '"' + std::string(1000, 's') + "\",";
    return R"({"d":"example.org","policies":[{"policy-type":2,"policy-string":[)" + strings + '"' + end +
           R"("],"f":1,"failure-details":[{"c":202,"f":")" + end + R"("}]}]})";
  };
  fold_of(store, "a", payloads_of({with_end("one"), with_end("two"), with_end("three"), with_end("one")}));
  const Everything all = read_all(store);
  REQUIRE(all.counts.size() == 1);
  CHECK(all.counts.begin()->second.failed == 4);
  CHECK(all.counts.begin()->second.failures.size() == 3);
}

void known_results_count_as_those_that_are_read(Store& store) {
  KnownResults known;
  const std::string log = encode({.read = noon, .position = {}, .datagrams = {datagram()}});
  Payloads payloads = payloads_of({datagram(), datagram("b.example"), failed_datagram(), "malformed"});
  payloads.push_back(log);
  // The same result in other words has the same row.
  payloads.push_back(encode(received(datagram() + " ")));
  Payloads all;
  for (int i = 0; i < 3; ++i) {
    const Payloads more = payloads_of({datagram("c.example"), datagram()}, noon + i * 24h);
    Payloads segment = payloads;
    segment.insert(segment.end(), more.begin(), more.end());
    const FoldOutcome outcome = fold_of(store, known, std::to_string(i), segment);
    CHECK(outcome.total == DayTotal{.results = 7, .malformed = 1});
    CHECK_FALSE(known.empty());
    all.insert(all.end(), segment.begin(), segment.end());
    CHECK(read_all(store).counts == counts_of(all));
  }
  CHECK(read_all(store).days.at(day) == DayTotal{.results = 17, .malformed = 3});
}

void a_known_row_that_is_gone_is_made_again(Store& store) {
  KnownResults known;
  const Payloads payloads = payloads_of({datagram(), datagram("b.example")});
  fold_of(store, known, "a", payloads);
  CHECK(good(store.prune(day + std::chrono::days{1}, day)) == 1);
  fold_of(store, known, "b", payloads);
  CHECK(read_all(store).counts == counts_of(payloads));
  fold_of(store, known, "c", payloads);
  CHECK(read_all(store).days == DayTotals{{day, {.results = 4}}});
  CHECK(read_all(store).counts.begin()->second.successful == 2);
}

void what_a_full_day_leaves_out_is_not_known(Store& store) {
  KnownResults known;
  const Limits one{.max_policies = 1};
  fold_of(store, known, "a", payloads_of({datagram()}), one);
  for (const char* segment : {"b", "c"})
    CHECK(fold_of(store, known, segment, payloads_of({datagram(), datagram("b.example")}), one)
              .total.left_out == 1);
  CHECK(read_all(store).counts.begin()->second.successful == 3);
}

// Each datagram is in memory until it is read.
void different_datagrams_take_several_transactions(Store& store) {
  KnownResults known;
  constexpr std::size_t of_segment = 10;
  const auto read = [&](const std::string& segment, const journal::TakePayload& take) {
    for (std::size_t i = 0; i < of_segment; ++i)
      CHECK(take(
          encode(received(datagram(fmt::format("{}.{}.example", i, segment)) + std::string(60'000, ' ')))));
    return true;
  };
  std::vector<std::string> segments;
  for (int i = 0; i < 20; ++i) segments.push_back(std::to_string(i));
  // So many have max_fold_size, and the last one is whole.
  constexpr std::size_t at_once = max_fold_size / 60'000 / of_segment + 1;
  for (auto next = segments.begin(); next != segments.end();) {
    const std::size_t folded = good(fold(store, {next, segments.end()}, read, {}, known, noon)).segments;
    CHECK(folded == std::min<std::size_t>(at_once, static_cast<std::size_t>(segments.end() - next)));
    next += static_cast<std::ptrdiff_t>(folded);
  }
  // All are known now.
  for (std::string& segment : segments) segment += "-again";
  const auto read_again = [&](const std::string& segment, const journal::TakePayload& take) {
    return read(segment.substr(0, segment.find('-')), take);
  };
  CHECK(good(fold(store, segments, read_again, {}, known, noon)).segments == 20);
  CHECK(read_all(store).counts.size() == 20 * of_segment);
  CHECK(read_all(store).days == DayTotals{{day, {.results = 40 * of_segment}}});
}

void hostile_texts_are_read_back(Store& store) {
  const std::string hostile = R"('; DROP TABLE outbound_counts; -- {\"x\"} \\ \u0007 \u00e4 , NULL)";
  const Payloads payloads = payloads_of({failed_datagram("example.org", hostile),
                                         datagram("'\\\"{},.example"), failed_datagram("example.org", "")});
  fold_of(store, "a", payloads);
  CHECK(read_all(store).counts == counts_of(payloads));
}

}  // namespace

void a_full_day_counts_what_it_leaves_out(Store& store) {
  const Limits two{.max_policies = 2};
  const auto different = [](int number) {
    return failed_datagram("a.example", fmt::format("reason {}", number));
  };
  CHECK(fold_of(store, "a", payloads_of({different(1), datagram("b.example")}), two).total.left_out == 0);
  const FoldOutcome outcome = fold_of(store, "b",
                                      payloads_of({different(1), different(2), different(3), different(4),
                                                   datagram("c.example"), datagram("c.example")}),
                                      two);
  CHECK(outcome.total.left_out == 2);
  fold_of(store, "c", payloads_of({different(5), different(6), different(7), different(8)}), two);
  const Everything all = read_all(store);
  REQUIRE(all.counts.size() == 2);
  const PolicyCount& count = all.counts.begin()->second;
  CHECK(count.failed == 9);
  // The limit, at most those of one fold more, and one without texts.
  CHECK(count.failures.size() <= 2 + 3 + 1);
  std::uint64_t sum = 0;
  for (const auto& [failure, sessions] : count.failures) sum += sessions;
  CHECK(sum == 9);
  CHECK(all.days.at(day) == DayTotal{.results = 12, .left_out = 2});
  // Another day has places of its own.
  CHECK(fold_of(store, "d", payloads_of({datagram("c.example")}, noon + 24h), two).total.left_out == 0);
}

void every_check_of_a_store(Store& store) {
  SECTION("what is folded is read back, and adds up") {
    what_is_folded_is_read_back_and_adds_up(store);
  }
  SECTION("folded before") {
    a_segment_that_was_folded_before_changes_nothing(store);
  }
  SECTION("not committed") {
    a_fold_that_is_not_committed_leaves_nothing(store);
  }
  SECTION("days and domain") {
    only_the_days_and_the_domain_that_were_asked_for_are_read(store);
  }
  SECTION("order") {
    policies_come_in_the_order_of_their_domains(store);
  }
  SECTION("a full day") {
    a_full_day_counts_what_it_leaves_out(store);
  }
  SECTION("old days") {
    old_days_are_removed_and_their_texts_before(store);
  }
  SECTION("texts that are cut off") {
    policies_that_differ_where_texts_are_cut_off_are_one(store);
  }
  SECTION("known results") {
    known_results_count_as_those_that_are_read(store);
  }
  SECTION("a known row that is gone") {
    a_known_row_that_is_gone_is_made_again(store);
  }
  SECTION("a full day, again and again") {
    what_a_full_day_leaves_out_is_not_known(store);
  }
  SECTION("many different datagrams") {
    different_datagrams_take_several_transactions(store);
  }
  SECTION("hostile texts") {
    hostile_texts_are_read_back(store);
  }
}

}  // namespace starttls::test
