#include "listtool/serve/lists.h"

#include "listtool/samples.h"
#include "listtool/state.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::listtool::serve;
using namespace starttls::test;

namespace {

const Time now = at("2026-11-22T12:00:00Z");

DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

// A state directory with lists, as an update writes it.
struct State {
  State() { configuration.state_dir = folder / "state"; }

  void install(const std::string& list, const std::vector<preload::Entry>& entries,
               std::string_view expires) {
    auto own = good(StateWriter::lock(configuration.state_dir));
    const ListSet before = good(current_set(configuration.state_dir));
    const auto at_folder = good(own.create_next_set());
    std::vector<Edition> editions;
    for (const Edition& edition : before.lists) {
      if (edition.name == list) continue;
      good(own.keep(before, edition));
      editions.push_back(edition);
    }
    editions.push_back({.name = list,
                        .number = own.next_number(),
                        .origin = "https://lists.example.org/" + list,
                        .signed_by = "key A809E3FFB11E271C",
                        .signature = ".minisig",
                        .timestamp = at("2026-11-20T00:00:00Z"),
                        .expires = at(expires),
                        .domains = entries.size()});
    const ListSet set{.folder = at_folder, .lists = {}};
    write(set.list_file(editions.back()), "{}");
    write(set.signature_file(editions.back()), "");
    good(ListIndex::write(source_of(list, entries).list, set.index_file(editions.back())));
    const ListSet complete = good(own.complete_set(editions));
    good(own.switch_to(complete));
  }

  TemporaryFolder folder;
  Configuration configuration;
};

}  // namespace

TEST_CASE("if nothing is installed there are no entries") {
  const State state;
  const Lists lists = good(Lists::open(state.configuration, now));
  CHECK(!lists.list_entry(name("a.test"), now));
  CHECK(!lists.override_entry(name("a.test")));
}

TEST_CASE("the last usable list decides, and overrides separately") {
  State state;
  state.install(
      "one",
      {{"a.test", preload::Mode::enforce, "mx.a.test"}, {"b.test", preload::Mode::enforce, "mx.b.test"}},
      "2026-12-01T00:00:00Z");
  state.install("two", {{"b.test", preload::Mode::none, ""}}, "2026-12-02T00:00:00Z");
  write(state.folder / "overrides", "c.test enforce mx.c.test\n");
  state.configuration.overrides = state.folder / "overrides";
  const Lists lists = good(Lists::open(state.configuration, now));

  const auto of_one = lists.list_entry(name("a.test"), now);
  REQUIRE(of_one);
  CHECK(of_one->list == "one");
  CHECK(of_one->joined_mxs == "mx.a.test");
  CHECK(of_one->expires == at("2026-12-01T00:00:00Z"));
  const auto of_two = lists.list_entry(name("b.test"), now);
  REQUIRE(of_two);
  CHECK(of_two->mode == preload::Mode::none);
  CHECK(!lists.list_entry(name("c.test"), now));
  const auto override_entry = lists.override_entry(name("c.test"));
  REQUIRE(override_entry);
  CHECK(override_entry->mode == preload::Mode::enforce);
  CHECK(!lists.override_entry(name("a.test")));
}

TEST_CASE("an expired list has no entries, uncovers the list below it, and is reported once") {
  State state;
  state.install("one", {{"a.test", preload::Mode::enforce, "mx1.a.test"}}, "2026-12-10T00:00:00Z");
  state.install("two", {{"a.test", preload::Mode::enforce, "mx2.a.test"}}, "2026-12-01T00:00:00Z");
  Lists lists = good(Lists::open(state.configuration, now));
  CHECK(lists.newly_unusable(now).empty());
  CHECK(lists.list_entry(name("a.test"), now)->list == "two");
  const Time later = at("2026-12-01T00:00:00Z");
  CHECK(lists.list_entry(name("a.test"), later)->list == "one");
  CHECK(lists.newly_unusable(later).size() == 1);
  CHECK(lists.newly_unusable(later).empty());
  CHECK(!lists.list_entry(name("a.test"), at("2026-12-10T00:00:00Z")));
}

TEST_CASE("an update and a change of the overrides are detected") {
  State state;
  state.configuration.overrides = state.folder / "overrides";
  std::string before = Lists::fingerprint(state.configuration);
  const auto changed = [&] {
    const std::string now_ = Lists::fingerprint(state.configuration);
    return std::exchange(before, now_) != now_;
  };
  CHECK(!changed());
  state.install("one", {}, "2026-12-01T00:00:00Z");
  CHECK(changed());
  CHECK(!changed());
  state.install("one", {}, "2026-12-02T00:00:00Z");
  CHECK(changed());
  write(state.configuration.overrides, "a.test none\n");
  CHECK(changed());
  write(state.configuration.overrides, "ab.test none\n");
  CHECK(changed());
  std::filesystem::remove(state.configuration.overrides);
  CHECK(changed());
}

TEST_CASE("faulty overrides and a damaged state are errors, so that the old ones stay in use") {
  State state;
  state.configuration.overrides = state.folder / "overrides";
  CHECK(bad(Lists::open(state.configuration, now)).fault == Fault::config);
  write(state.configuration.overrides, "a.test what\n");
  CHECK(bad(Lists::open(state.configuration, now)).fault == Fault::config);
  write(state.configuration.overrides, "");
  good(Lists::open(state.configuration, now));
  state.install("one", {}, "2026-12-01T00:00:00Z");
  const ListSet set = good(current_set(state.configuration.state_dir));
  std::filesystem::remove(set.index_file(set.lists.front()));
  CHECK(bad(Lists::open(state.configuration, now)).fault == Fault::io);
  write(set.folder / "set.toml", "x");
  CHECK(bad(Lists::open(state.configuration, now)).fault == Fault::data);
}

TEST_CASE("a damaged index hides its entries and nothing else") {
  State state;
  state.install("one", {{"a.test", preload::Mode::enforce, "mx.a.test"}}, "2026-12-01T00:00:00Z");
  state.install("two", {}, "2026-12-01T00:00:00Z");
  const ListSet set = good(current_set(state.configuration.state_dir));
  // A table in which every offset is invalid.
  std::string damaged(2048, '\xFF');
  write(set.index_file(*set.find("two")), damaged);
  const auto lists = Lists::open(state.configuration, now);
  if (lists) CHECK(lists->list_entry(name("a.test"), now)->list == "one");
}
