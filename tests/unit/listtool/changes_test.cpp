#include "listtool/changes.h"

#include "samples.h"

namespace starttls::listtool {
namespace {

using preload::Entry;
using preload::Mode;
using test::source_of;

constexpr auto enforce = Mode::enforce;
constexpr auto testing = Mode::testing;

std::string told(const std::optional<Entry>& entry) {
  return entry ? fmt::format("{} {} {}", entry->domain, preload::to_string(entry->mode), entry->joined_mxs)
               : "-";
}

EachChange into(std::vector<std::string>& changes) {
  return [&changes](const auto& before, const auto& after) {
    changes.push_back(told(before) + " / " + told(after));
  };
}

void require_counts(const ChangeCounts& counts, std::size_t added, std::size_t removed, std::size_t changed) {
  CHECK(counts.added == added);
  CHECK(counts.removed == removed);
  CHECK(counts.changed == changed);
  CHECK(counts.none() == (added + removed + changed == 0));
}

TEST_CASE("additions, removals and changes are reported in the order of the domains") {
  const Source before = source_of(
      "l", {{"a.test", enforce, "mx.a.test"}, {"c.test", testing, "mx.c.test"}, {"e.test", enforce, "e.e"}});
  const Source after = source_of(
      "l", {{"b.test", enforce, "mx.b.test"}, {"c.test", enforce, "mx.c.test"}, {"e.test", enforce, "e.e"}});
  std::vector<std::string> changes;
  require_counts(compare(before.list, after.list, into(changes)), 1, 1, 1);
  CHECK(changes == std::vector<std::string>{"a.test enforce mx.a.test / -", "- / b.test enforce mx.b.test",
                                            "c.test testing mx.c.test / c.test enforce mx.c.test"});
  require_counts(compare(before.list, after.list), 1, 1, 1);
}

TEST_CASE("a list does not differ from itself, and completely from an empty one") {
  const Source list = source_of("l", {{"a.test", enforce, "mx.a.test"}, {"b.test", testing, "mx.b.test"}});
  require_counts(compare(list.list, list.list), 0, 0, 0);
  require_counts(compare({}, list.list), 2, 0, 0);
  require_counts(compare(list.list, {}), 0, 2, 0);
  require_counts(compare(preload::List(), preload::List()), 0, 0, 0);
}

TEST_CASE("the order of patterns is no difference, the patterns are") {
  const Entry entry{"a.test", enforce, "mx1.a.test:mx2.a.test:.b.test"};
  CHECK(same_policy(entry, {"a.test", enforce, ".b.test:mx2.a.test:mx1.a.test"}));
  CHECK_FALSE(same_policy(entry, {"a.test", testing, "mx1.a.test:mx2.a.test:.b.test"}));
  CHECK_FALSE(same_policy(entry, {"a.test", enforce, "mx1.a.test:mx2.a.test"}));
  CHECK_FALSE(same_policy(entry, {"a.test", enforce, "mx1.a.test:mx2.a.test:.c.test"}));
  CHECK_FALSE(same_policy({"a.test", enforce, "a.b:c.d"}, {"a.test", enforce, "a.c:b.d"}));
}

TEST_CASE("an entry without a demand is not the same as no entry") {
  const Source none = source_of("l", {{"a.test", Mode::none, ""}});
  require_counts(compare({}, none.list), 1, 0, 0);
}

TEST_CASE("of overlaid lists the effective entries are compared") {
  const Source low = source_of("low", {{"a.test", enforce, "mx.a.test"}, {"b.test", enforce, "mx.b.test"}});
  const Source high = source_of("high", {{"b.test", testing, "mx.b.test"}, {"c.test", enforce, "mx.c.test"}});
  const Source shadowed =
      source_of("low", {{"a.test", enforce, "mx.a.test"}, {"b.test", enforce, "new.b.test"}});
  const std::array<const preload::List*, 2> before{&low.list, &high.list};
  const std::array<const preload::List*, 2> turned{&high.list, &low.list};
  const std::array<const preload::List*, 2> after{&shadowed.list, &high.list};
  const std::array<const preload::List*, 1> only{&low.list};
  require_counts(compare(before, after), 0, 0, 0);
  require_counts(compare(before, turned), 0, 0, 1);
  require_counts(compare(before, only), 0, 1, 1);
  std::vector<std::string> changes;
  require_counts(compare({}, before, into(changes)), 3, 0, 0);
  CHECK(changes[1] == "- / b.test testing mx.b.test");
}

}  // namespace
}  // namespace starttls::listtool
