#include <array>

#include "listtool/exim/map.h"
#include "samples.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

const preload::Entry enforced{
    .domain = "a.test", .mode = preload::Mode::enforce, .joined_mxs = "mx.a.test:.b.test"};
const preload::Entry tested{.domain = "b.test", .mode = preload::Mode::testing, .joined_mxs = "mx.b.test"};
const preload::Entry ended{.domain = "c.test", .mode = preload::Mode::none, .joined_mxs = ""};
constexpr exim::Rules early{.early_adopter = true};

std::string text_map(std::span<const Source> sources, const exim::Rules& rules) {
  const TemporaryFolder folder;
  auto draft = good(AtomicFile::create(folder / "map"));
  exim::write_text_map(sources, rules, draft.writer());
  good(draft.flush());
  return read("/proc/self/fd/" + std::to_string(draft.fd()));
}

}  // namespace

TEST_CASE("Exim gets the patterns of an enforced policy, never an empty list") {
  CHECK(exim::policy_for(enforced, {}) == "secure match=mx.a.test:.b.test");
  CHECK_FALSE(exim::policy_for(tested, {}));
  CHECK(exim::policy_for(tested, early) == "secure match=mx.b.test");
  CHECK_FALSE(exim::policy_for(ended, early));
  CHECK_FALSE(exim::policy_for(
      preload::Entry{.domain = "d.test", .mode = preload::Mode::enforce, .joined_mxs = ""}, {}));
}

TEST_CASE("Exim gets a decision in the same words, and the levels of DANE") {
  const auto policy = [](policy::Mode mode, bool is_enforced, std::string mxs) {
    return exim::policy_for(
        policy::Decision{.mode = mode, .enforced = is_enforced, .joined_mxs = std::move(mxs)});
  };
  CHECK(policy(policy::Mode::enforce, true, "mx.a.test:.b.test") == exim::policy_for(enforced, {}));
  CHECK(policy(policy::Mode::testing, true, "mx.b.test") == exim::policy_for(tested, early));
  CHECK(policy(policy::Mode::mandatory_dane, false, "") == "dane-only");
  CHECK(policy(policy::Mode::opportunistic_dane, false, "") == "dane");
  CHECK_FALSE(policy(policy::Mode::testing, false, "mx.b.test"));
  CHECK_FALSE(policy(policy::Mode::none, false, ""));
}

TEST_CASE("a map for lsearch has a key with a colon for each enforced domain, and comments for the others") {
  const std::array sources{source_of("list", {enforced, tested, ended})};
  const std::string map = text_map(sources, {});
  CHECK(without_comments(map) == "a.test: secure match=mx.a.test:.b.test\n");
  CHECK(map.starts_with("# TLS policies for Exim (lsearch), made by starttls-listtool "));
  CHECK(map.contains("\n# List list: of 2026-01-01T00:00:00Z"));
  CHECK(map.contains("\n# b.test testing match=mx.b.test\n# c.test none\n"));
  CHECK(map.ends_with("# End: 1 enforced, 2 only in comments.\n"));
  CHECK(without_comments(text_map(sources, early)) ==
        "a.test: secure match=mx.a.test:.b.test\nb.test: secure match=mx.b.test\n");
}

TEST_CASE("the map of a later list has the same keys as the lines for cdb") {
  const preload::Entry changed{
      .domain = "a.test", .mode = preload::Mode::enforce, .joined_mxs = "mx.new.test"};
  const std::array sources{source_of("one", {enforced, tested}), source_of("two", {changed})};
  std::string lines;
  exim::for_each_line(sources, {}, [&](std::string_view domain, std::string_view policy) {
    lines += fmt::format("{}: {}\n", domain, policy);
  });
  CHECK(lines == "a.test: secure match=mx.new.test\n");
  CHECK(without_comments(text_map(sources, {})) == lines);
}
