#include "tlsrptdb/report_store.h"

#include "sqlite/sqlite.h"
#include "support.h"
#include "tlsrptdb/own_domains.h"
#include "tlsrptdb/report_fingerprint.h"

using namespace starttls;
using namespace starttls::test;
using tlsrpt::PolicyResult;
using tlsrpt::ReportHead;
using tlsrptdb::AddResult;
using tlsrptdb::ReportedPolicy;
using tlsrptdb::ReportFingerprint;
using tlsrptdb::ReportStore;

namespace {

const Time now = at("2026-11-23T05:00:00Z");
const store::Period november{good(parse_day("2026-11-01")), good(parse_day("2026-11-30"))};

ReportHead head_of(const std::string& id, const std::string& day = "2026-11-22") {
  return {.organization_name = "Sender",
          .begin = at(day + "T00:00:00Z"),
          .end = at(day + "T23:59:59Z"),
          .contact_info = "tls@sender.test",
          .report_id = id};
}

PolicyResult policy_of(const std::string& domain, std::uint64_t failed = 0) {
  PolicyResult policy{.policy_type = "sts",
                      .policy_strings = {"version: STSv1", "mode: testing"},
                      .policy_domain = domain,
                      .mx_hosts = {"mx.a.test"},
                      .successful_sessions = 10,
                      .failed_sessions = failed};
  if (failed > 0) {
    policy.failure_details.push_back({.result_type = "certificate-expired",
                                      .sending_mta_ip = "192.0.2.1",
                                      .receiving_mx_hostname = "mx.a.test",
                                      .receiving_mx_helo = "mx",
                                      .receiving_ip = "203.0.113.5",
                                      .failed_session_count = failed,
                                      .additional_information = "info",
                                      .failure_reason_code = "code"});
  }
  return policy;
}

tlsrptdb::AddedReport keep(ReportStore& store, const ReportHead& head,
                           const std::vector<PolicyResult>& policies, const std::string& packed = "packed",
                           Time received = now, bool authenticated = false) {
  ReportFingerprint identity;
  identity.begin();
  for (const PolicyResult& policy : policies) {
    good(store.add(policy));
    identity.add(policy);
  }
  return good(store.finish({.head = head,
                            .identity = identity.of(head),
                            .packed = packed,
                            .received = received,
                            .reporter = head.organization_name,
                            .authenticated = authenticated}));
}

AddResult add(ReportStore& store, const ReportHead& head, const std::vector<PolicyResult>& policies,
              const std::string& packed = "packed") {
  return keep(store, head, policies, packed).addition;
}

std::vector<ReportedPolicy> all_in(ReportStore& store,
                                   const std::optional<std::string>& domain = std::nullopt,
                                   const store::Period& period = november) {
  std::vector<ReportedPolicy> all;
  good(store.read(period, domain, [&](const ReportedPolicy& policy) { all.push_back(policy); }));
  return all;
}

}  // namespace

TEST_CASE("an added report is complete when the file is opened again") {
  const TemporaryFolder folder;
  const auto file = folder / "reports.sqlite";
  const std::string packed("\x1F\x8B\0\n", 4);
  {
    auto store = good(ReportStore::open(file, store::Access::owner));
    good(store.begin());
    CHECK(add(store, head_of("r1"), {policy_of("a.test", 3), policy_of("b.test")}, packed) ==
          AddResult::added);
    good(store.commit());
  }
  auto store = good(ReportStore::open(file, store::Access::read));
  const auto all = all_in(store);
  REQUIRE(all.size() == 2);
  CHECK(tlsrpt::to_json({.head = all[0].head, .policies = {all[0].policy, all[1].policy}}) ==
        tlsrpt::to_json({.head = head_of("r1"), .policies = {policy_of("a.test", 3), policy_of("b.test")}}));
  CHECK(all[0].report == all[1].report);
  CHECK(good(store.packed(all[0].report)) == packed);
}

TEST_CASE("reports are found by the day on which they begin, and by policy domain") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  add(store, head_of("1", "2026-10-31"), {policy_of("a.test")});
  add(store, head_of("2", "2026-11-01"), {policy_of("A.Test"), policy_of("b.test")});
  add(store, head_of("3", "2026-11-30"), {policy_of("b.test")});
  add(store, head_of("4", "2026-12-01"), {policy_of("a.test")});
  good(store.commit());
  CHECK(all_in(store).size() == 3);
  CHECK(all_in(store, "a.test").size() == 1);
  CHECK(all_in(store, "c.test").empty());
}

TEST_CASE("the same report is a duplicate, with all its policies, however often it arrives") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  for (int time = 0; time < 3; ++time) {
    good(store.begin());
    const auto addition = add(store, head_of("r1"), {policy_of("a.test", 2), policy_of("b.test")});
    CHECK(addition == (time == 0 ? AddResult::added : AddResult::duplicate));
    good(store.commit());
  }
  CHECK(all_in(store).size() == 2);
  CHECK(all_in(store)[0].policy.failure_details.size() == 1);
}

TEST_CASE("another day, domain, reporter or id makes another report, other figures do not") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  CHECK(add(store, head_of("r1"), {policy_of("a.test")}) == AddResult::added);
  CHECK(add(store, head_of("r1", "2026-11-21"), {policy_of("a.test")}) == AddResult::added);
  CHECK(add(store, head_of("r1"), {policy_of("b.test")}) == AddResult::added);
  CHECK(add(store, head_of("r1"), {policy_of("a.test"), policy_of("b.test")}) == AddResult::added);
  ReportHead other = head_of("r1");
  other.organization_name = "Other";
  CHECK(add(store, other, {policy_of("a.test")}) == AddResult::added);
  CHECK(add(store, head_of("r2"), {policy_of("a.test")}) == AddResult::added);
  CHECK(add(store, head_of("r1"), {policy_of("a.test", 5)}) == AddResult::conflicting);
  CHECK(add(store, head_of(""), {policy_of("a.test", 5)}) == AddResult::added);
  CHECK(add(store, head_of(""), {policy_of("a.test", 6)}) == AddResult::added);
  CHECK(add(store, head_of(""), {policy_of("a.test", 6)}) == AddResult::duplicate);
  good(store.commit());
  CHECK(all_in(store).size() == 9);
}

TEST_CASE("nothing of a dropped report stays, and nothing that was not committed") {
  const TemporaryFolder folder;
  {
    auto store = good(ReportStore::open(folder / "r", store::Access::owner));
    good(store.begin());
    good(store.add(policy_of("a.test", 1)));
    good(store.drop());
    CHECK(add(store, head_of("r1"), {policy_of("b.test")}) == AddResult::added);
    good(store.commit());
    good(store.begin());
    add(store, head_of("r2"), {policy_of("c.test")});
  }
  auto store = good(ReportStore::open(folder / "r", store::Access::read));
  const auto all = all_in(store);
  REQUIRE(all.size() == 1);
  CHECK(all[0].policy.policy_domain == "b.test");
}

TEST_CASE("reports that ended before a day are removed with all that belongs to them") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  for (const char* day : {"2026-11-01", "2026-11-02", "2026-11-03"}) {
    add(store, head_of(day, day), {policy_of("a.test", 1)});
  }
  good(store.commit());
  good(store.prune(good(parse_day("2026-11-03")), 1));
  CHECK(all_in(store).size() == 2);
  good(store.prune(good(parse_day("2026-11-03")), 100));
  REQUIRE(all_in(store).size() == 1);
  CHECK(all_in(store)[0].head.report_id == "2026-11-03");
}

TEST_CASE("a missing store is read as empty, and a file of another program is refused") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "none", store::Access::read));
  CHECK(all_in(store).empty());
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  write(folder / "text", std::string(5000, 'x'));
  CHECK(bad(ReportStore::open(folder / "text", store::Access::owner)).fault == Fault::data);
}

namespace {

constexpr std::uint64_t quota = 80'000;  // bytes; 10'000 of one reporter

// A store with a quota, and reports of some 3,400 bytes.
class SmallStore {
 public:
  SmallStore() {
    store.set_quota(quota);
    good(store.begin());
  }

  tlsrptdb::AddedReport keep(const std::string& reporter, const std::string& id, Time received = now,
                             bool authenticated = false) {
    ReportHead head = head_of(id);
    head.organization_name = reporter;
    return ::keep(store, head, {policy_of("a.test")}, std::string(3'000, 'x'), received, authenticated);
  }

  // The ids of the reports of a reporter that are kept.
  std::vector<std::string> kept_of(const std::string& reporter) {
    std::vector<std::string> ids;
    good(store.commit());
    for (const ReportedPolicy& one : all_in(store)) {
      if (one.head.organization_name == reporter) ids.push_back(one.head.report_id);
    }
    good(store.begin());
    return ids;
  }

  // Reporters of two reports each, until there is no space for one more.
  void fill(const std::string& name, Time received, bool authenticated = false) {
    for (int number = 0;; ++number) {
      for (const char* id : {"1", "2"}) {
        const auto kept = keep(fmt::format("{}{}", name, number), id, received, authenticated);
        if (kept.addition == AddResult::refused || store.evicted() > 0) return;
      }
    }
  }

  TemporaryFolder folder;
  ReportStore store = good(ReportStore::open(folder / "r", store::Access::owner));
};

using Ids = std::vector<std::string>;

}  // namespace

TEST_CASE("a reporter with more than its share is refused, and keeps what it has") {
  SmallStore small;
  CHECK(small.keep("Flooder", "1").addition == AddResult::added);
  CHECK(small.keep("Flooder", "2").addition == AddResult::added);
  const auto refused = small.keep("Flooder", "3");
  CHECK(refused.addition == AddResult::refused);
  CHECK(
      refused.reason.ends_with("more than the 10000 that are one reporter's share of report.max_store_size"));
  CHECK(small.keep("Other", "1").addition == AddResult::added);
  CHECK(small.keep("Flooder", "2").addition == AddResult::duplicate);
  CHECK(small.kept_of("Flooder") == Ids{"1", "2"});
  CHECK(small.keep("Flooder", "4", now, true).addition == AddResult::added);
}

TEST_CASE("a report that is larger than a reporter's share is refused while it is read") {
  SmallStore small;
  ReportHead head = head_of("1");
  for (int number = 0; number < 1'000; ++number) good(small.store.add(policy_of("a.test", 1)));
  CHECK(small.store.uncommitted_size() < quota / tlsrptdb::reporter_share);
  const auto refused =
      good(small.store.finish({.head = head, .identity = 1, .packed = "", .received = now, .reporter = "a"}));
  CHECK(refused.addition == AddResult::refused);
  CHECK(small.kept_of("Sender").empty());
  CHECK(small.keep("Other", "1").addition == AddResult::added);
}

TEST_CASE("a reporter known before stays in a full store, and replaces reporters that came later") {
  SmallStore small;
  small.keep("Known", "1", now - std::chrono::days(30));
  small.fill("Flooder", now);
  CHECK(small.store.evicted() == 0);
  const auto refused = small.keep("Newcomer", "1", now);
  CHECK(refused.addition == AddResult::refused);
  CHECK(refused.reason == "the store is full: all reports hold 80000 bytes (report.max_store_size)");
  CHECK(small.kept_of("Known") == Ids{"1"});
  CHECK(small.keep("Known", "2", now + std::chrono::days(1)).addition == AddResult::added);
  CHECK(small.store.evicted() == 1);
  CHECK(small.kept_of("Known") == Ids{"1", "2"});
}

TEST_CASE("authenticated reporters replace others, however long known, and never the reverse") {
  SmallStore small;
  small.fill("Flooder", now - std::chrono::days(30));
  CHECK(small.keep("Flooder0", "3", now, true).addition == AddResult::added);
  CHECK(small.store.evicted() == 1);

  SmallStore full;
  full.fill("Proven", now, true);
  CHECK(full.keep("Old", "1", now - std::chrono::days(30)).addition == AddResult::refused);
  CHECK(full.keep("Later", "1", now + std::chrono::days(1), true).addition == AddResult::refused);
  CHECK(full.store.evicted() == 0);
}

namespace {

// Whether the table `reporters` says of each reporter what its reports say.
bool has_true_reporters(const std::filesystem::path& file) {
  auto database = good(sqlite::Database::open(file, sqlite::OpenMode::read_only));
  return good(database.number(R"sql(
    WITH counted AS (SELECT reporter, authenticated, sum(size) FROM reports GROUP BY reporter, authenticated),
         stored AS (SELECT name, authenticated, bytes FROM reporters)
    SELECT NOT EXISTS (SELECT * FROM counted EXCEPT SELECT * FROM stored)
       AND NOT EXISTS (SELECT * FROM stored EXCEPT SELECT * FROM counted))sql")) != 0;
}

}  // namespace

TEST_CASE("the bytes of each reporter are those of its reports, whatever becomes of them") {
  SmallStore small;
  const auto commit = [&] {
    good(small.store.commit());
    CHECK(has_true_reporters(small.folder / "r"));
    good(small.store.begin());
  };
  small.keep("Early", "1", now - std::chrono::days(30));
  small.keep("Early", "2", now - std::chrono::days(30));
  commit();
  small.keep("Early", "1");  // a duplicate
  small.keep("Early", "3");  // refused: more than its share
  small.keep("Once", "1");
  commit();
  add(small.store, head_of("1"), {policy_of("a.test", 1)});
  add(small.store, head_of("1"), {policy_of("a.test", 2)});  // replaces the one before
  commit();
  small.fill("Late", now + std::chrono::days(1));
  CHECK(small.keep("Once", "2").addition == AddResult::added);
  CHECK(small.store.evicted() == 1);
  commit();
  good(small.store.commit());
  good(small.store.prune(to_day(now) - std::chrono::days(20), 100));
  CHECK(has_true_reporters(small.folder / "r"));
}

TEST_CASE("reports are removed by their arrival, whatever their date") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  keep(store, head_of("old", "9999-12-30"), {policy_of("a.test", 1)}, "", now - std::chrono::days(400));
  keep(store, head_of("new", "9999-12-30"), {policy_of("a.test", 1)});
  good(store.commit());
  good(store.prune(to_day(now) - std::chrono::days(30), 100));
  const auto left =
      all_in(store, std::nullopt, {good(parse_day("2026-01-01")), good(parse_day("9999-12-31"))});
  REQUIRE(left.size() == 1);
  CHECK(left[0].head.report_id == "new");
}

TEST_CASE("the counted size of the reports is a little more than the size of the file") {
  const TemporaryFolder folder;
  const auto file = folder / "r";
  constexpr std::uint64_t share = 4'000'000;
  {
    auto store = good(ReportStore::open(file, store::Access::owner));
    store.set_quota(share * tlsrptdb::reporter_share);
    good(store.begin());
    for (int number = 0;; ++number) {
      std::vector<PolicyResult> policies(1 + static_cast<std::size_t>(number) % 50, policy_of("a.test", 3));
      const auto kept = keep(store, head_of(std::to_string(number)), policies, std::string(500, 'x'));
      if (kept.addition == AddResult::refused) break;
    }
    good(store.commit());
  }
  const auto size = std::filesystem::file_size(file);
  CHECK(size < share);
  CHECK(size > share / 2);
}

TEST_CASE("a store of version 1 is upgraded when it is opened, even for reading") {
  const TemporaryFolder folder;
  const auto file = folder / "r";
  {
    auto database = good(sqlite::Database::open(file, sqlite::OpenMode::create));
    good(database.execute(R"sql(
      CREATE TABLE reports (id INTEGER PRIMARY KEY, identity INTEGER NOT NULL, begin INTEGER NOT NULL,
        "end" INTEGER NOT NULL, received INTEGER NOT NULL, successful INTEGER NOT NULL, failed INTEGER NOT NULL,
        organization TEXT NOT NULL, contact TEXT NOT NULL, report_id TEXT NOT NULL, json_gzip BLOB NOT NULL,
        UNIQUE (begin, identity));
      CREATE TABLE policies (report INTEGER NOT NULL, number INTEGER NOT NULL, policy_type TEXT NOT NULL,
        policy_domain TEXT NOT NULL, policy_strings TEXT NOT NULL, mx_hosts TEXT NOT NULL,
        successful INTEGER NOT NULL, failed INTEGER NOT NULL, PRIMARY KEY (report, number)) WITHOUT ROWID;
      CREATE TABLE failures (report INTEGER NOT NULL, policy INTEGER NOT NULL, number INTEGER NOT NULL,
        result_type TEXT NOT NULL, sending_mta_ip TEXT NOT NULL, receiving_mx_hostname TEXT NOT NULL,
        receiving_mx_helo TEXT NOT NULL, receiving_ip TEXT NOT NULL, sessions INTEGER NOT NULL,
        additional_information TEXT NOT NULL, failure_reason_code TEXT NOT NULL,
        PRIMARY KEY (report, policy, number)) WITHOUT ROWID;
      CREATE TABLE deliveries (id INTEGER PRIMARY KEY, report_id TEXT NOT NULL, destination TEXT NOT NULL,
        policy_domain TEXT NOT NULL, submitter TEXT NOT NULL, sender TEXT NOT NULL, file_name TEXT NOT NULL,
        state TEXT NOT NULL, created INTEGER NOT NULL, next_try INTEGER NOT NULL, tries INTEGER NOT NULL,
        reason TEXT NOT NULL, json_gzip BLOB NOT NULL, UNIQUE (report_id, destination));
      INSERT INTO reports VALUES (1, 7, 1795305600000, 1795391999000, 1795392000000, 10, 0, 'Sender', 'c', 'r1',
        zeroblob(3000));
      INSERT INTO policies VALUES (1, 0, 'sts', 'A.Test.', '', '', 10, 0);
      PRAGMA application_id = 0x53544B52; PRAGMA user_version = 1)sql"));
  }
  {
    auto store = good(ReportStore::open(file, store::Access::read));
    REQUIRE(all_in(store).size() == 1);
    CHECK(all_in(store)[0].policy.policy_domain == "a.test");
    CHECK(all_in(store, "a.test").size() == 1);
  }
  auto database = good(sqlite::Database::open(file, sqlite::OpenMode::read_only));
  CHECK(good(database.number("SELECT count(*) FROM reporters WHERE name = 'sender' AND NOT authenticated "
                             "AND since = 1795392000000 AND bytes > 3000")) == 1);
  auto store = good(ReportStore::open(file, store::Access::owner));
  good(store.prune(good(parse_day("2026-12-31")), 10));
  CHECK(all_in(store).empty());
  CHECK(good(database.number("SELECT count(*) FROM reporters")) == 0);
}

TEST_CASE("a report in a store of version 5 counts once for its reporter") {
  const TemporaryFolder folder;
  const auto file = folder / "r";
  (void)good(ReportStore::open(file, store::Access::owner));
  good(good(sqlite::Database::open(file, sqlite::OpenMode::read_write)).execute(R"sql(
    CREATE TRIGGER report_added AFTER INSERT ON reports BEGIN
      INSERT INTO reporters VALUES (NEW.reporter, NEW.authenticated, NEW.received, NEW.size)
      ON CONFLICT (name, authenticated) DO UPDATE SET bytes = bytes + excluded.bytes;
    END;
    PRAGMA user_version = 5)sql"));
  auto store = good(ReportStore::open(file, store::Access::owner));
  good(store.begin());
  CHECK(add(store, head_of("r1"), {policy_of("a.test")}) == AddResult::added);
  good(store.commit());
  CHECK(has_true_reporters(file));
}

namespace {

// A report with these failures; with a signer it is authenticated.
tlsrptdb::AddedReport add_signed(ReportStore& store, std::uint64_t failed, const std::string& signer) {
  const ReportHead head = head_of("r1");
  const PolicyResult policy = policy_of("a.test", failed);
  ReportFingerprint identity;
  identity.begin();
  good(store.add(policy));
  identity.add(policy);
  return good(store.finish({.head = head,
                            .identity = identity.of(head),
                            .packed = "packed",
                            .received = now,
                            .reporter = signer.empty() ? "sender" : signer,
                            .authenticated = !signer.empty()}));
}

// "SIGNER FAILED" of each kept report.
std::vector<std::string> kept_in(ReportStore& store) {
  std::vector<std::string> all;
  for (const ReportedPolicy& one : all_in(store))
    all.push_back(fmt::format("{} {}", one.signer, one.policy.failed_sessions));
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a signed report replaces the same one without a signature, and stays") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  CHECK(add_signed(store, 5, "").addition == AddResult::added);
  CHECK(add_signed(store, 5, "sender.test").addition == AddResult::duplicate);
  CHECK(add_signed(store, 5, "sender.test").addition == AddResult::duplicate);
  CHECK(add_signed(store, 5, "").addition == AddResult::duplicate);
  CHECK(add_signed(store, 9, "").addition == AddResult::conflicting);
  CHECK(add_signed(store, 9, "sender.test").addition == AddResult::conflicting);
  good(store.commit());
  CHECK(kept_in(store) == Texts{"sender.test 5"});
}

TEST_CASE("a report does not replace one that another domain signed, and does not remove its failures") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  CHECK(add_signed(store, 0, "").addition == AddResult::added);
  CHECK(add_signed(store, 0, "evil.test").addition == AddResult::duplicate);
  CHECK(add_signed(store, 7, "sender.test").addition == AddResult::added);
  CHECK(add_signed(store, 0, "evil.test").addition == AddResult::duplicate);
  good(store.commit());
  CHECK(kept_in(store) == Texts{"evil.test 0", "sender.test 7"});
}

TEST_CASE("of two reports without a signature the one with more failures stays, which is reported") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  CHECK(add_signed(store, 0, "").addition == AddResult::added);
  const tlsrptdb::AddedReport more = add_signed(store, 7, "");
  CHECK(more.addition == AddResult::conflicting);
  CHECK(more.reason.contains("more failures"));
  CHECK(add_signed(store, 3, "").addition == AddResult::conflicting);
  CHECK(add_signed(store, 7, "").addition == AddResult::duplicate);
  good(store.commit());
  CHECK(kept_in(store) == Texts{" 7"});
}

TEST_CASE("TLS-Report-Domain is stored with a report, and policies can be read without their failures") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::owner));
  good(store.begin());
  good(store.add(policy_of("", 5)));
  const ReportHead head = head_of("r1");
  good(store.finish({.head = head,
                     .identity = 1,
                     .packed = "p",
                     .received = now,
                     .reporter = "sender",
                     .authenticated = false,
                     .report_domain = "example.org"}));
  good(store.commit());
  REQUIRE(all_in(store).size() == 1);
  CHECK(all_in(store)[0].report_domain == "example.org");
  CHECK(all_in(store)[0].policy.failure_details.size() == 1);
  std::vector<ReportedPolicy> policies;
  good(
      store.read_policies(november, [&](ReportedPolicy&& policy) { policies.push_back(std::move(policy)); }));
  REQUIRE(policies.size() == 1);
  CHECK(policies[0].policy.failed_sessions == 5);
  CHECK(policies[0].policy.failure_details.empty());
}

TEST_CASE("MX hosts and publications are kept, replaced and removed") {
  const TemporaryFolder folder;
  auto own = good(tlsrptdb::OwnDomains::open(folder / "r", store::Access::owner));
  good(own.keep(tlsrptdb::SeenMxHost{.policy_domain = "a.test", .host = "mx1.a.test", .seen = now}));
  good(own.keep(tlsrptdb::SeenMxHost{.policy_domain = "a.test", .host = "mx2.a.test", .seen = now}));
  good(own.keep(tlsrptdb::SeenMxHost{
      .policy_domain = "a.test", .host = "mx1.a.test", .seen = now + std::chrono::days{2}}));
  CHECK(good(own.mx_hosts()).size() == 2);
  good(own.forget_mx_hosts(now + std::chrono::days{1}));
  REQUIRE(good(own.mx_hosts()).size() == 1);
  CHECK(good(own.mx_hosts())[0].host == "mx1.a.test");
  tlsrptdb::Publication record{.policy_domain = "a.test", .kind = "tlsrpt-record", .seen = now, .missed = {}};
  good(own.keep(record));
  CHECK(good(own.publications()) == std::vector{record});
  record.missed = now + std::chrono::days{1};
  good(own.keep(record));
  CHECK(good(own.publications()) == std::vector{record});
  good(own.forget(record));
  CHECK(good(own.publications()).empty());
}
