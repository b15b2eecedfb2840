#include "preload/list.h"

#include <set>

#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

namespace {

List list_of(const std::vector<std::pair<std::string, std::string>>& entries, Mode mode = Mode::enforce) {
  ListBuilder builder;
  std::size_t line = 0;
  for (const auto& [domain, mxs] : entries) {
    builder.add({.domain = domain, .mode = mode, .joined_mxs = builder.keep(mxs)}, {.line = ++line});
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
  REQUIRE(list.find("a.test"));
  CHECK(split_mxs(*list.find("a.test")) == std::vector<std::string_view>{"mx.a.test", ".b.test"});
  CHECK(list[0].domain == "a.test");
  CHECK(list[1].domain == "c.test");
  for (const char* name : {"b.test", "sub.a.test", "test", "", "z.test", ".a.test"}) {
    CAPTURE(name);
    CHECK_FALSE(list.find(name));
  }
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
