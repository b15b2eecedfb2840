#include "listtool/serve/answer_table.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool::serve;

namespace {

std::shared_ptr<const Replies> replies_of(std::string text) {
  auto replies = std::make_shared<Replies>();
  replies->of[0].bytes = std::move(text);
  return replies;
}

std::string name(int i) {
  return fmt::format("d{}.example", i);
}

}  // namespace

TEST_CASE("a domain is found as it was stored") {
  AnswerTable table({});
  CHECK(table.find("a.example") == nullptr);
  table.put("a.example", replies_of("1"));
  table.put("b.example", replies_of("2"));
  REQUIRE(table.find("a.example") != nullptr);
  CHECK(table.find("a.example")->replies->of[0].bytes == "1");
  CHECK(table.find("A.example") == nullptr);
  table.put("a.example", replies_of("3"));
  CHECK(table.find("a.example")->replies->of[0].bytes == "3");
  CHECK(table.domains() == 2);
}

TEST_CASE("the table never holds more domains than its limit, and keeps those in use") {
  AnswerTable table({.max_domains = 100});
  table.put("busy.example", replies_of("busy"));
  for (int i = 0; i < 10'000; ++i) {
    table.put(name(i), replies_of("x"));
    REQUIRE(table.domains() <= 100);
    REQUIRE(table.find("busy.example") != nullptr);
    if (i % 10 == 0) REQUIRE(table.find(name(i)) != nullptr);
  }
  CHECK(table.domains() == 100);
  CHECK(table.evicted() == 9'901);
}

TEST_CASE("the table never uses more memory than its limit") {
  constexpr std::size_t most = 1'000'000;
  AnswerTable table({.max_bytes = most});
  for (int i = 0; i < 1'000; ++i) {
    table.put(name(i % 300), replies_of(std::string(static_cast<std::size_t>(i % 7) * 10'000, 'x')));
    REQUIRE(table.bytes() <= most);
    REQUIRE(table.find(name(i % 300)) != nullptr);
  }
  CHECK(table.domains() > 10);
}

TEST_CASE("an answer larger than the whole table replaces all others, and stays") {
  AnswerTable table({.max_bytes = 10'000});
  table.put("a.example", replies_of("1"));
  table.put("b.example", replies_of(std::string(20'000, 'x')));
  CHECK(table.find("a.example") == nullptr);
  CHECK(table.find("b.example") != nullptr);
  table.put("c.example", replies_of("1"));
  CHECK(table.domains() == 1);
}
