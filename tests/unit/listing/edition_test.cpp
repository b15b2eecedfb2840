#include "listing/edition.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::test;

namespace {

std::vector<DomainName> domains(std::size_t number) {
  std::vector<DomainName> all;
  all.reserve(number);
  for (std::size_t i = 0; i < number; ++i) all.push_back(good(DomainName::parse(fmt::format("d{}.test", i))));
  return all;
}

Difference leaving(std::size_t removed, std::size_t changed = 0) {
  return {.added = {}, .removed = domains(removed), .changed = domains(changed)};
}

// How many of so many may leave at once.
std::size_t allowed(std::size_t before) {
  for (std::size_t left = 0; left < before; ++left) {
    if (!faults_of_edition(before, leaving(left + 1), {}, {}).empty()) return left;
  }
  return before;
}

}  // namespace

TEST_CASE("a tenth may leave or change at once, of a short list two entries") {
  CHECK(allowed(1) == 1);
  CHECK(allowed(3) == 2);
  CHECK(allowed(29) == 2);
  CHECK(allowed(30) == 3);
  CHECK(allowed(1'000) == 100);

  const auto faults = faults_of_edition(100, leaving(5, 6), {}, {});
  REQUIRE(faults.size() == 1);
  CHECK(faults[0] == "of 100 entries, 5 would leave and 6 would change; max_change (10 %) allows 10");
  CHECK(faults_of_edition(100, leaving(5, 6), {}, {.max_change = 11}).empty());
}

TEST_CASE("any number may be added") {
  const Difference added{.added = domains(1'000), .removed = {}, .changed = {}};
  CHECK(faults_of_edition(1, added, {}, {}).empty());
  CHECK(faults_of_edition(0, added, {}, {}).empty());
}

TEST_CASE("no edition where too many checks found out nothing") {
  const auto faults = [](std::size_t unknown, std::size_t all) {
    return faults_of_edition(3, {}, {.all = all, .unknown = unknown}, {});
  };
  CHECK(faults(0, 0).empty());
  CHECK(faults(20, 100).empty());
  CHECK(faults(1, 5).empty());
  REQUIRE(faults(21, 100).size() == 1);
  CHECK(faults(21, 100)[0] ==
        "21 of 100 checks found out nothing, more than max_unknown (20 %): is the network down?");
  // One silent server does not end a short list.
  CHECK(faults(2, 2).empty());
  CHECK(faults(3, 3).size() == 1);
}
