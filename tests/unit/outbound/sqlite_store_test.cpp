#include "examples.h"
#include "outbound/store.h"
#include "outbound_cases.h"
#include "sqlite/sqlite.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace std::chrono_literals;
using namespace starttls::test;

namespace {

std::unique_ptr<Store> new_store(const TemporaryFolder& folder) {
  return good(outbound::open_sqlite_store(folder / "s", Access::owner));
}

const Day day = to_day(noon);

// Of which the upgrade makes others.
constexpr const char* tables_of_version_1 = R"sql(
  PRAGMA application_id = 0x53544B4F;
  PRAGMA user_version = 1;
  CREATE TABLE outbound_counts (day INTEGER NOT NULL, policy TEXT NOT NULL, domain TEXT NOT NULL, source TEXT NOT NULL,
    policy_type TEXT NOT NULL, policy_domain TEXT NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
    PRIMARY KEY (day, policy)) WITHOUT ROWID;
  CREATE INDEX outbound_counts_of_domain ON outbound_counts (domain, day);
  CREATE TABLE outbound_texts (day INTEGER NOT NULL, policy TEXT NOT NULL, record TEXT NOT NULL,
    policy_strings TEXT NOT NULL, mx_hosts TEXT NOT NULL, PRIMARY KEY (day, policy)) WITHOUT ROWID;
  CREATE TABLE outbound_failures (day INTEGER NOT NULL, policy TEXT NOT NULL, failure TEXT NOT NULL,
    result_type TEXT NOT NULL, sending_mta_ip TEXT NOT NULL, receiving_mx_hostname TEXT NOT NULL,
    receiving_mx_helo TEXT NOT NULL, receiving_ip TEXT NOT NULL, additional_information TEXT NOT NULL,
    failure_reason_code TEXT NOT NULL, sessions INTEGER NOT NULL, PRIMARY KEY (day, policy, failure)) WITHOUT ROWID;
  CREATE TABLE outbound_days (day INTEGER PRIMARY KEY, results INTEGER NOT NULL, malformed INTEGER NOT NULL,
    left_out INTEGER NOT NULL);
  CREATE TABLE folded_segments (id TEXT PRIMARY KEY, folded_at INTEGER NOT NULL) WITHOUT ROWID;
)sql";

constexpr const char* copy_present = R"sql(
  INSERT INTO outbound_counts SELECT * FROM present.outbound_counts;
  INSERT INTO outbound_texts SELECT * FROM present.outbound_texts;
  INSERT INTO outbound_failures SELECT * FROM present.outbound_failures;
  INSERT INTO outbound_days SELECT * FROM present.outbound_days;
  INSERT INTO folded_segments SELECT * FROM present.folded_segments;
)sql";

// The same as in the store in `present`, in a new file of version 1.
void write_version_1(const std::filesystem::path& present, const std::filesystem::path& file) {
  auto database = good(sqlite::Database::open(file, sqlite::OpenMode::create));
  good(database.execute(tables_of_version_1));
  good(database.execute(fmt::format("ATTACH '{}' AS present", present.string())));
  good(database.execute(copy_present));
}

Everything everything_in(Store& store) {
  return read_all(store, {.period = year, .domain = "", .segments = {"a", "b", "c"}});
}

}  // namespace

TEST_CASE("what every outbound store does") {
  const TemporaryFolder folder;
  const auto store = new_store(folder);
  every_check_of_a_store(*store);
}

TEST_CASE("a full day is still full after the store was opened again") {
  const TemporaryFolder folder;
  a_full_day_counts_what_it_leaves_out(*new_store(folder));
  const auto again = new_store(folder);
  const auto transaction = good(again->begin_fold());
  SegmentContent content;
  CHECK(content.add(encode(received(datagram("new.example")))));
  AddedPolicies policies = content.take().policies;
  CHECK(good(transaction->add(policies, {}, {.max_policies = 2}))->at(to_day(noon)) == 1);
}

TEST_CASE("a store of version 1 is upgraded, with all that it has") {
  const TemporaryFolder folder;
  const std::vector<std::string> datagrams{datagram(), failed_datagram(), datagram("b.example"), "malformed"};
  Everything before;
  {
    const auto present = new_store(folder);
    fold_of(*present, "a", payloads_of(datagrams, noon - 40 * 24h));
    fold_of(*present, "b", payloads_of(datagrams));
    CHECK(good(present->prune(day - std::chrono::days{60}, day - std::chrono::days{30})) == 0);
    before = everything_in(*present);
    CHECK(before.counts.size() == 4);
  }
  write_version_1(folder / "s", folder / "older");
  const auto upgraded = good(outbound::open_sqlite_store(folder / "older", Access::owner));
  CHECK(everything_in(*upgraded) == before);
  // Other policies and counts have other rows.
  fold_of(*upgraded, "c", payloads_of({datagram("b.example"), datagram("c.example")}));
  Everything after = everything_in(*upgraded);
  CHECK(after.counts.size() == 5);
  CHECK(after.days.at(day) == DayTotal{.results = 5, .malformed = 1});
  for (const auto& [of, count] : after.counts)
    CHECK(count.successful == (of.day == day && of.policy.domain == "b.example" ? 2 : 1));
  CHECK(good(upgraded->prune(day, day)) == 1);
  std::erase_if(after.counts, [](const auto& count) { return count.first.day < day; });
  CHECK(everything_in(*upgraded).counts == after.counts);
}

TEST_CASE("the file of another program is no outbound store, and is not changed") {
  const TemporaryFolder folder;
  write(folder / "s", "this is no database, just a text that is long enough to be looked at by somebody\n");
  CHECK(bad(outbound::open_sqlite_store(folder / "s", Access::owner)).fault == Fault::data);
  CHECK(read(folder / "s").starts_with("this is no database"));
}
