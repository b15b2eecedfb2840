#include "listing/edition.h"

#include <utility>

#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::test;

namespace {

DomainName name(const std::string& text) {
  return good(DomainName::parse(text));
}

Edition edition(std::size_t domains) {
  Edition all;
  for (std::size_t i = 0; i < domains; ++i)
    all.emplace(name(fmt::format("d{}.test", i)), std::vector<std::string>{"mx.test"});
  return all;
}

// How many may leave at once.
std::size_t allowed(std::size_t domains) {
  const Edition before = edition(domains);
  for (std::size_t left = 0; left < domains; ++left) {
    const Difference difference = compare(before, edition(domains - left - 1));
    if (!faults_of_edition(before, difference, {}, {}).empty()) return left;
  }
  return domains;
}

}  // namespace

TEST_CASE("only what is listed or failing is in an edition") {
  std::vector<Entry> entries;
  for (const State state :
       {State::candidate, State::watched, State::listed, State::failing, State::suspended, State::removed}) {
    entries.push_back({.domain = name(fmt::format("{}.test", to_string(state))),
                       .state = state,
                       .mxs = {fmt::format("mx.{}.test", to_string(state))}});
  }
  const Edition edition = edition_of(entries);
  CHECK(edition.size() == 2);
  CHECK(edition.at(name("listed.test")) == std::vector<std::string>{"mx.listed.test"});
  CHECK(edition.contains(name("failing.test")));
}

TEST_CASE("what comes, leaves and changes between two editions") {
  const Edition before = edition(4);
  Edition after = edition(3);
  after.at(name("d1.test")).emplace_back("mx2.test");
  after.emplace(name("new.test"), std::vector<std::string>{"mx.test"});
  const Difference difference = compare(before, after);
  CHECK(difference.added == std::vector{name("new.test")});
  CHECK(difference.removed == std::vector{name("d3.test")});
  CHECK(difference.changed == std::vector{name("d1.test")});
  CHECK_FALSE(difference.is_empty());
  CHECK(compare(before, before).is_empty());
}

TEST_CASE("a tenth may leave or change at once, of a short list two entries") {
  CHECK(allowed(1) == 1);
  CHECK(allowed(3) == 2);
  CHECK(allowed(29) == 2);
  CHECK(allowed(30) == 3);
  CHECK(allowed(1'000) == 100);

  const Edition before = edition(100);
  Edition after = edition(95);
  for (int i = 0; i < 6; ++i) after.at(name(fmt::format("d{}.test", i))) = {"mx.elsewhere.test"};
  const auto faults = faults_of_edition(before, compare(before, after), {}, {});
  REQUIRE(faults.size() == 1);
  CHECK(faults[0] == "of 100 entries, 5 would leave and 6 would change; max_change (10 %) allows 10");
  CHECK(faults_of_edition(before, compare(before, after), {}, {.max_change = 11}).empty());
}

TEST_CASE("any number may be added") {
  CHECK(faults_of_edition(edition(1), compare(edition(1), edition(1'000)), {}, {}).empty());
  CHECK(faults_of_edition({}, compare({}, edition(1'000)), {}, {}).empty());
}

TEST_CASE("no edition where too many checks told nothing") {
  const auto faults = [](std::size_t unknown, std::size_t all) {
    return faults_of_edition(edition(3), {}, {.all = all, .unknown = unknown}, {});
  };
  CHECK(faults(0, 0).empty());
  CHECK(faults(20, 100).empty());
  CHECK(faults(1, 5).empty());
  REQUIRE(faults(21, 100).size() == 1);
  CHECK(faults(21, 100)[0] ==
        "21 of 100 checks told nothing, more than max_unknown (20 %): is the network down?");
  CHECK(faults(1, 1).size() == 1);
}
