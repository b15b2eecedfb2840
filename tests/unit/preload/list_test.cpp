#include "preload/list.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <set>
#include <stdexcept>

#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

namespace {

List list_of(const std::vector<std::pair<std::string, std::string>>& entries, Mode mode = Mode::enforce) {
  ListBuilder builder;
  std::size_t line = 0;
  for (const auto& [domain, mxs] : entries) {
    builder.add({.domain = domain, .mode = mode, .joined_mxs = mxs}, {.line = ++line});
  }
  builder.put_in_order();
  List list = std::move(builder.list());
  list.timestamp = at("2026-01-01T00:00:00Z");
  list.expires = at("2026-02-01T00:00:00Z");
  return list;
}

}  // namespace

TEST_CASE("a domain is found by its exact name only") {
  const List list = list_of({{"c.test", "mx.c.test"}, {"a.test", "mx.a.test:.b.test"}});
  const auto found = list.find("a.test");
  REQUIRE(found);
  CHECK(split_mxs(found->joined_mxs) == std::vector<std::string_view>{"mx.a.test", ".b.test"});
  CHECK(split_mxs(std::string_view()).empty());
  CHECK(list[0].domain == "a.test");
  CHECK(list[1].domain == "c.test");
  for (const char* name : {"b.test", "sub.a.test", "test", "", "z.test", ".a.test"}) {
    CAPTURE(name);
    CHECK_FALSE(list.find(name));
  }
}

TEST_CASE(
    "an entry has its patterns as they were given, wherever they have the domain, however often, and how "
    "long") {
  const std::string long_patterns = "mx." + std::string(60, 'x') + ".test";
  const std::vector<std::string> patterns{
      "mx.a.test",
      "a.test",
      ".a.test",
      "a.test:a.test.example:mx.a.test.a.test:a.testa.test",
      "mx.b.test:.b.test",
      "b.test",
      "",
      fmt::format("{}", fmt::join(std::vector(900, long_patterns), ":")),
      fmt::format("{}", fmt::join(std::vector(900, std::string("mx.a.test")), ":"))};
  for (const std::string& given : patterns) {
    // The same patterns for two domains, then other ones for the second, then the same again.
    const List list =
        list_of({{"a.test", given}, {"b.test", given}, {"c.test", "mx.a.test"}, {"d.a.test", given}});
    for (const char* domain : {"a.test", "b.test", "d.a.test"}) CHECK(list.find(domain)->joined_mxs == given);
    CHECK(list[2].joined_mxs == "mx.a.test");
    CHECK(list.mode(2) == Mode::enforce);
    CHECK(list.domain(3) == "d.a.test");
  }
}

TEST_CASE("a list stays as it is when it is moved") {
  List first = list_of({{"b.test", "mx.b.test"}, {"a.test", "mx.test"}});
  const List list = std::move(first);
  CHECK(list.find("a.test")->joined_mxs == "mx.test");
  CHECK(list.find("b.test")->joined_mxs == "mx.b.test");
}

TEST_CASE(
    "of a domain that occurs thousands of times the first entry stays, and the others are in their order") {
  ListBuilder builder;
  constexpr std::size_t number = 10'000;
  for (std::size_t i = 0; i < number; ++i) {
    // The first one is the last that is added.
    builder.add({.domain = "a.test", .mode = Mode::enforce, .joined_mxs = fmt::format("mx{}.test", i)},
                {.line = 2 + (i * 7) % number, .column = i});
  }
  builder.add({.domain = "a.test", .mode = Mode::enforce, .joined_mxs = "first.test"}, {.line = 1});
  const auto duplicates = builder.put_in_order();
  REQUIRE(duplicates.size() == number);
  CHECK(std::ranges::is_sorted(duplicates, {}, &ListBuilder::Duplicate::position));
  CHECK(duplicates.back().position ==
        Position{.line = number + 1, .column = duplicates.back().position.column});
  CHECK(builder.list()[0].joined_mxs == "first.test");
}

TEST_CASE("patterns that no list and no policy can have are refused") {
  ListBuilder builder;
  CHECK_THROWS_AS(builder.add("a.test", Mode::enforce, std::string(65'536, 'x'), {}), std::length_error);
}

TEST_CASE("domains are in the order of their bytes, however long their common prefixes") {
  std::set<std::string, std::greater<>> domains;
  for (const char* start :
       {"a", "abcdefg", "abcdefgh", "abcdefghi", "abcdefghabcdefgh", "abcdefghabcdefgi"}) {
    for (const char* end : {".test", "-.test", "0.test", "abcdefgh.test", "abcdefgh.a.test", ".a"}) {
      domains.insert(std::string(start) + end);
    }
  }
  const std::vector<std::string> sorted(domains.rbegin(), domains.rend());
  std::vector<std::pair<std::string, std::string>> entries;
  for (const std::string& domain : domains) entries.emplace_back(domain, "mx.test");
  const List list = list_of(entries);
  REQUIRE(list.size() == sorted.size());
  for (std::size_t i = 0; i < sorted.size(); ++i) CHECK(list[i].domain == sorted[i]);
}

TEST_CASE("a long list is in order, too, and of its duplicates the first ones stay") {
  std::vector<std::pair<std::string, std::string>> entries;
  std::uint32_t number = 1;
  for (int i = 0; i < 150'000; ++i) {
    number = number * 1664525U + 1013904223U;  // a pseudo-random sequence
    entries.emplace_back(fmt::format("{}{}.test", i % 3 == 0 ? "same-start" : "", number % 100'000),
                         "mx.test");
  }
  std::set<std::string> expected;
  for (const auto& [domain, mxs] : entries) expected.insert(domain);
  const List list = list_of(entries);
  REQUIRE(list.size() == expected.size());
  std::size_t i = 0;
  CHECK(std::ranges::all_of(expected, [&](const std::string& domain) { return list[i++].domain == domain; }));
}

TEST_CASE("of a domain that occurs twice the first entry stays") {
  ListBuilder builder;
  builder.add({.domain = "a.test", .mode = Mode::enforce, .joined_mxs = "second.test"}, {.line = 7});
  builder.add({.domain = "a.test", .mode = Mode::enforce, .joined_mxs = "first.test"}, {.line = 3});
  const auto duplicates = builder.put_in_order();
  REQUIRE(duplicates.size() == 1);
  CHECK(duplicates.front().position.line == 7);
  CHECK(builder.list().find("a.test")->joined_mxs == "first.test");
}

TEST_CASE("of a domain whose first entry is invalid no entry stays") {
  ListBuilder builder;
  builder.add({.domain = "a.test", .mode = Mode::enforce, .joined_mxs = "second.test"}, {.line = 7});
  builder.drop("a.test", {.line = 3});
  builder.add({.domain = "b.test", .mode = Mode::none, .joined_mxs = ""}, {.line = 1});
  builder.drop("b.test", {.line = 2});
  const auto duplicates = builder.put_in_order();
  REQUIRE(duplicates.size() == 1);
  CHECK(duplicates.front().domain == "a.test");
  CHECK(duplicates.front().position.line == 7);
  CHECK(builder.list().size() == 1);
  CHECK(builder.list().find("b.test"));
}

TEST_CASE("a list is usable from a day before its date until it expires") {
  const List list = list_of({});
  CHECK(check_usable(list, at("2026-01-15T00:00:00Z")));
  CHECK(check_usable(list, at("2025-12-31T00:00:00Z")));
  CHECK(check_usable(list, at("2026-01-31T23:59:59.999Z")));
  CHECK(bad(check_usable(list, at("2026-02-01T00:00:00Z"))).message == "it expired on 2026-02-01T00:00:00Z");
  CHECK(bad(check_usable(list, at("2025-12-30T23:59:59Z"))).message.find("ahead of the clock") !=
        std::string::npos);
}

TEST_CASE("a list from the far future has not expired") {
  const List list = list_of({});
  CHECK_FALSE(check_expired(list, at("2020-01-01T00:00:00Z")));
  CHECK_FALSE(check_expired(list, at("2026-01-31T23:59:59.999Z")));
  CHECK(check_expired(list, at("2026-02-01T00:00:00Z"))->message == "it expired on 2026-02-01T00:00:00Z");
}

TEST_CASE("later lists overlay earlier ones, domain by domain") {
  const List first = list_of({{"a.test", "1.test"}, {"b.test", "1.test"}, {"d.test", "1.test"}});
  const List second = list_of({{"b.test", "2.test"}, {"c.test", "2.test"}, {"e.test", "2.test"}});
  const List third = list_of({{"e.test", ""}}, Mode::none);
  const std::vector<const List*> lists{&first, &second, &third};
  std::string seen;
  const auto see = [&](const Entry& entry, std::size_t list) {
    seen += fmt::format("{}{} ", entry.domain, list);
  };
  overlay(lists, see);
  CHECK(seen == "a.test0 b.test1 c.test1 d.test0 e.test2 ");
  seen.clear();
  overlay({}, see);
  CHECK(seen.empty());
}
