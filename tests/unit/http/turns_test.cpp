#include "http/turns.h"

#include <vector>

#include "support.h"

using starttls::http::Turns;

namespace {

std::vector<int> all_next(Turns<int>& turns) {
  std::vector<int> going;
  while (const auto item = turns.next()) going.push_back(*item);
  return going;
}

}  // namespace

TEST_CASE("turns come in the order of arrival, as many as may go at once") {
  Turns<int> turns(2, 10);
  for (int i = 1; i <= 4; ++i) turns.join("a", i);
  CHECK(all_next(turns) == std::vector{1, 2});
  CHECK(all_next(turns).empty());
  turns.leave("a");
  CHECK(all_next(turns) == std::vector{3});
  turns.leave("a");
  turns.leave("a");
  CHECK(all_next(turns) == std::vector{4});
}

TEST_CASE("a crowd at one place holds up no other place, and keeps its own order") {
  Turns<int> turns(10, 2);
  for (int i = 1; i <= 5; ++i) turns.join("crowded", i);
  turns.join("quiet", 100);
  CHECK(all_next(turns) == std::vector{1, 2, 100});
  turns.leave("quiet");
  CHECK(all_next(turns).empty());
  turns.leave("crowded");
  turns.leave("crowded");
  CHECK(all_next(turns) == std::vector{3, 4});
  turns.leave("crowded");
  CHECK(all_next(turns) == std::vector{5});
}

TEST_CASE("who waited for its place lines up behind those who may go") {
  Turns<int> turns(1, 1);
  turns.join("a", 1);
  turns.join("a", 2);
  turns.join("b", 3);
  CHECK(all_next(turns) == std::vector{1});
  turns.leave("a");
  CHECK(all_next(turns) == std::vector{3});
  turns.leave("b");
  CHECK(all_next(turns) == std::vector{2});
}

TEST_CASE("a bound of nothing is a bound of one") {
  Turns<int> turns(0, 0);
  turns.join("a", 1);
  turns.join("a", 2);
  CHECK(all_next(turns) == std::vector{1});
}

TEST_CASE("those who have not gone can be dismissed, whatever they wait for") {
  Turns<int> turns(1, 2);
  for (int i = 1; i <= 4; ++i) turns.join("a", i);
  turns.join("b", 5);
  CHECK(all_next(turns) == std::vector{1});
  CHECK(std::move(turns).dismiss() == std::vector{2, 5, 3, 4});
}
