#include "listingdb/listing_db.h"

#include <algorithm>
#include <vector>

#include "support.h"

using namespace starttls;
using namespace starttls::listing;
using namespace starttls::listingdb;
using namespace starttls::test;

namespace {

DomainName name(const std::string& text) {
  return good(DomainName::parse(text));
}

const Time noon = at("2026-11-29T12:00:00Z");

// A publisher's state in a file of its own.
struct State1 {
  TemporaryFolder folder;
  std::filesystem::path file = folder / "publish.sqlite";
  ListingDb db = make();

  ListingDb make() const {
    good(ListingDb::create(file, "sector"));
    return good(ListingDb::open(file, "sector"));
  }
};

Change listed(const std::string& domain, std::vector<std::string> mxs = {"mx.test"}) {
  return {.kept = {.entry = {.domain = name(domain),
                             .state = State::listed,
                             .since = noon,
                             .mxs = std::move(mxs)}},
          .transitions = {}};
}

Change in_state(const std::string& domain, State state) {
  Change change = listed(domain);
  change.kept.entry.state = state;
  return change;
}

std::vector<std::string> names(const std::vector<DomainName>& domains) {
  std::vector<std::string> all;
  for (const DomainName& domain : domains) all.push_back(domain.str());
  return all;
}

std::vector<std::string> content(ListingDb& db, Content which) {
  std::vector<std::string> all;
  good(db.each_of(which, [&all](const Published& entry) -> Result<void> {
    std::string line = entry.domain.str();
    for (const std::string& mx : entry.mxs) line += ' ' + mx;
    all.push_back(std::move(line));
    return {};
  }));
  return all;
}

using Words = std::vector<std::string>;

}  // namespace

TEST_CASE("an entry is read back as it was saved") {
  State1 state;
  const Entry whole{.domain = name("whole.test"),
                    .state = State::failing,
                    .since = noon,
                    .consent = Consent::record,
                    .mxs = {".mx.test", "mx.other.test"},
                    .manual = Manual{.reason = "a 'quoted' reason", .ends = noon + std::chrono::days(9)},
                    .is_held = true,
                    .sound_days = 7,
                    .sound_day = to_day(noon),
                    .failures = 2,
                    .observed = noon + std::chrono::hours(1)};
  const KeptEntry kept{.entry = whole,
                       .policy_until = noon + std::chrono::days(3),
                       .contact = "tls@whole.test",
                       .faults = {"starttls", "mx-address"}};
  good(state.db.save(std::vector<Change>{{.kept = kept, .transitions = {}}, listed("plain.test", {})}));

  const KeptEntry found = good(state.db.find(whole.domain)).value();
  CHECK(found.entry.state == whole.state);
  CHECK(found.entry.since == whole.since);
  CHECK(found.entry.consent == whole.consent);
  CHECK(found.entry.mxs == whole.mxs);
  REQUIRE(found.entry.manual);
  CHECK(found.entry.manual->reason == whole.manual->reason);
  CHECK(found.entry.manual->ends == whole.manual->ends);
  CHECK(found.entry.is_held);
  CHECK(found.entry.sound_days == 7);
  CHECK(found.entry.sound_day == whole.sound_day);
  CHECK(found.entry.failures == 2);
  CHECK(found.entry.observed == whole.observed);
  CHECK(found.policy_until == kept.policy_until);
  CHECK(found.contact == kept.contact);
  CHECK(found.faults == kept.faults);

  const KeptEntry plain = good(state.db.find(name("plain.test"))).value();
  CHECK(plain.entry.mxs.empty());
  CHECK_FALSE(plain.entry.manual);
  CHECK_FALSE(plain.entry.sound_day);
  CHECK_FALSE(plain.entry.observed);
  CHECK_FALSE(plain.policy_until);
  CHECK_FALSE(good(state.db.find(name("strange.test"))));
}

TEST_CASE("who was never observed is due first, then who was longest ago, and who is removed never") {
  State1 state;
  std::vector<Change> changes{listed("b.test"), listed("a.test"), listed("new.test"), listed("fresh.test"),
                              in_state("gone.test", State::removed)};
  changes[0].kept.entry.observed = noon - std::chrono::hours(30);
  changes[1].kept.entry.observed = noon - std::chrono::hours(25);
  changes[3].kept.entry.observed = noon;
  good(state.db.save(changes));
  Words due;
  for (const KeptEntry& kept : good(state.db.due(noon - std::chrono::hours(20))))
    due.push_back(kept.entry.domain.str());
  CHECK(due == Words{"new.test", "b.test", "a.test"});
  changes[3].kept.entry.manual = Manual{.reason = "why", .ends = noon};
  changes.push_back(in_state("candidate.test", State::candidate));
  changes.push_back(in_state("suspended.test", State::suspended));
  good(state.db.save(changes));
  Words expiring;
  for (const KeptEntry& kept : good(state.db.expiring())) expiring.push_back(kept.entry.domain.str());
  CHECK(expiring == Words{"candidate.test", "fresh.test", "suspended.test"});
  CHECK(good(state.db.counts()) ==
        std::map<State, std::size_t>{
            {State::candidate, 1}, {State::listed, 4}, {State::suspended, 1}, {State::removed, 1}});
}

TEST_CASE("the history of a domain is kept in order, and a failure is a notice until it is sent") {
  State1 state;
  const DomainName domain = name("a.test");
  const auto transition = [&domain](State from, State to, Reason reason, int day) {
    return Transition{.domain = domain,
                      .time = noon + std::chrono::days(day),
                      .from = from,
                      .to = to,
                      .reason = reason,
                      .evidence = "words"};
  };
  const Transitions all{transition(State::watched, State::listed, Reason::watched_long_enough, 0),
                        transition(State::listed, State::failing, Reason::unsound, 1),
                        transition(State::failing, State::listed, Reason::sound_again, 2)};
  for (const Transition& each : all) {
    Change change = listed("a.test");
    change.transitions = {each};
    good(state.db.save(std::vector{change}));
  }
  CHECK(good(state.db.history(domain)) == all);
  CHECK(good(state.db.history(name("b.test"))).empty());
  const Transitions recent = good(state.db.recent(2));
  REQUIRE(recent.size() == 2);
  CHECK(recent[0] == all[2]);
  CHECK(recent[1] == all[1]);

  const std::vector<Notice> notices = good(state.db.notices());
  REQUIRE(notices.size() == 1);
  CHECK(notices[0].domain == domain);
  CHECK(notices[0].time == all[1].time);
  CHECK(notices[0].evidence == "words");
  good(state.db.remove_notice(notices[0].id));
  CHECK(good(state.db.notices()).empty());
}

TEST_CASE("an edition has what is on the list, and the next one differs from it") {
  State1 state;
  good(state.db.save(std::vector<Change>{listed("stays.test"), listed("leaves.test"), listed("changes.test"),
                                         in_state("fails.test", State::failing),
                                         in_state("watched.test", State::watched)}));
  CHECK(good(state.db.size_of(Content::on_list)) == 4);
  CHECK(good(state.db.size_of(Content::published)) == 0);
  CHECK(names(good(state.db.difference(Content::on_list)).added) ==
        Words{"changes.test", "fails.test", "leaves.test", "stays.test"});
  good(state.db.publish({.number = 1, .time = noon, .hash = "aa", .entries = 4, .added = 4},
                        Content::on_list));
  CHECK(good(state.db.difference(Content::on_list)).is_empty());

  good(state.db.save(std::vector<Change>{in_state("leaves.test", State::suspended),
                                         listed("changes.test", {"mx2.test", "mx3.test"}),
                                         listed("comes.test")}));
  const Difference difference = good(state.db.difference(Content::on_list));
  CHECK(names(difference.added) == Words{"comes.test"});
  CHECK(names(difference.removed) == Words{"leaves.test"});
  CHECK(names(difference.changed) == Words{"changes.test"});
  CHECK(good(state.db.newest())->number == 1);
  CHECK(content(state.db, Content::published) ==
        Words{"changes.test mx.test", "fails.test mx.test", "leaves.test mx.test", "stays.test mx.test"});

  good(state.db.publish({.number = 2, .time = noon, .hash = "bb", .entries = 4, .note = "why"},
                        Content::on_list));
  CHECK(content(state.db, Content::published) == Words{"changes.test mx2.test mx3.test", "comes.test mx.test",
                                                       "fails.test mx.test", "stays.test mx.test"});
  const std::vector<KeptEdition> editions = good(state.db.editions(10));
  REQUIRE(editions.size() == 2);
  CHECK(editions[0].number == 2);
  CHECK(editions[0].hash == "bb");
  CHECK(editions[0].note == "why");
  CHECK(editions[1].added == 4);
}

TEST_CASE("what is pinned is published until it is unpinned, whatever the entries are") {
  State1 state;
  good(state.db.save(std::vector<Change>{listed("a.test"), listed("b.test")}));
  good(state.db.publish({.number = 1, .time = noon, .hash = "aa"}, Content::on_list));
  CHECK_FALSE(good(state.db.pinned()));
  std::vector<Published> old{{.domain = name("old.test"), .mxs = {"mx.old.test"}}};
  std::size_t index = 0;
  good(state.db.pin(7, [&]() -> Result<std::optional<Published>> {
    return index < old.size() ? std::optional(old[index++]) : std::nullopt;
  }));
  CHECK(good(state.db.pinned()) == 7);
  CHECK(names(good(state.db.difference(Content::pinned)).removed) == Words{"a.test", "b.test"});
  good(state.db.publish({.number = 2, .time = noon, .hash = "bb"}, Content::pinned));
  CHECK(content(state.db, Content::published) == Words{"old.test mx.old.test"});
  good(state.db.unpin());
  CHECK_FALSE(good(state.db.pinned()));
  CHECK(good(state.db.size_of(Content::pinned)) == 0);
  CHECK(names(good(state.db.difference(Content::on_list)).added) == Words{"a.test", "b.test"});
}

TEST_CASE("an edition has one number once") {
  State1 state;
  good(state.db.publish({.number = 1, .time = noon, .hash = "aa"}, Content::on_list));
  CHECK_FALSE(state.db.publish({.number = 1, .time = noon, .hash = "bb"}, Content::on_list));
  CHECK(good(state.db.newest())->hash == "aa");
}

TEST_CASE("the state of one list is not taken for that of another, and is never made twice") {
  State1 state;
  CHECK(bad(ListingDb::open(state.file, "other")).fault == Fault::data);
  CHECK(bad(ListingDb::open(state.file, "other")).message.contains("'sector', not of 'other'"));
  CHECK(bad(ListingDb::create(state.file, "sector")).fault == Fault::cannot_create);
}

TEST_CASE("a word of a later version is an error, no guess") {
  State1 state;
  good(state.db.save(std::vector<Change>{listed("a.test")}));
  auto database = good(sqlite::Database::open(state.file, sqlite::OpenMode::read_write));
  good(database.execute("UPDATE entries SET state = 'resting'"));
  CHECK(bad(state.db.find(name("a.test"))).message.contains("the state 'resting'"));
}
