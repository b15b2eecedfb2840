#include "reports/report_store.h"

#include "reports/identity.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
using reports::Addition;
using reports::Identity;
using reports::ReportedPolicy;
using reports::ReportStore;
using tlsrpt::PolicyResult;
using tlsrpt::ReportHead;

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

Addition add(ReportStore& store, const ReportHead& head, const std::vector<PolicyResult>& policies,
             const std::string& packed = "packed") {
  Identity identity;
  identity.begin();
  for (const PolicyResult& policy : policies) {
    good(store.add(policy));
    identity.add(policy);
  }
  return good(store.finish(head, identity.of(head), packed, now)).addition;
}

std::vector<ReportedPolicy> all_in(ReportStore& store,
                                   const std::optional<std::string>& domain = std::nullopt,
                                   const store::Period& period = november) {
  std::vector<ReportedPolicy> all;
  good(store.read(period, domain, [&](const ReportedPolicy& policy) { all.push_back(policy); }));
  return all;
}

}  // namespace

TEST_CASE("a report that was added is there, whole, when the file is opened again") {
  const TemporaryFolder folder;
  const auto file = folder / "reports.sqlite";
  const std::string packed("\x1F\x8B\0\n", 4);
  {
    auto store = good(ReportStore::open(file, store::Access::write));
    good(store.begin());
    CHECK(add(store, head_of("r1"), {policy_of("a.test", 3), policy_of("b.test")}, packed) ==
          Addition::added);
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
  auto store = good(ReportStore::open(folder / "r", store::Access::write));
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

TEST_CASE("the same report is a duplicate, with all its policies, however often it comes") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::write));
  for (int time = 0; time < 3; ++time) {
    good(store.begin());
    const auto addition = add(store, head_of("r1"), {policy_of("a.test", 2), policy_of("b.test")});
    CHECK(addition == (time == 0 ? Addition::added : Addition::duplicate));
    good(store.commit());
  }
  CHECK(all_in(store).size() == 2);
  CHECK(all_in(store)[0].policy.failure_details.size() == 1);
}

TEST_CASE("another day, domain, reporter or id makes another report; other figures do not") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "r", store::Access::write));
  good(store.begin());
  CHECK(add(store, head_of("r1"), {policy_of("a.test")}) == Addition::added);
  CHECK(add(store, head_of("r1", "2026-11-21"), {policy_of("a.test")}) == Addition::added);
  CHECK(add(store, head_of("r1"), {policy_of("b.test")}) == Addition::added);
  CHECK(add(store, head_of("r1"), {policy_of("a.test"), policy_of("b.test")}) == Addition::added);
  ReportHead other = head_of("r1");
  other.organization_name = "Other";
  CHECK(add(store, other, {policy_of("a.test")}) == Addition::added);
  CHECK(add(store, head_of("r2"), {policy_of("a.test")}) == Addition::added);
  CHECK(add(store, head_of("r1"), {policy_of("a.test", 5)}) == Addition::differs_from_kept);
  CHECK(add(store, head_of(""), {policy_of("a.test", 5)}) == Addition::added);
  CHECK(add(store, head_of(""), {policy_of("a.test", 6)}) == Addition::added);
  CHECK(add(store, head_of(""), {policy_of("a.test", 6)}) == Addition::duplicate);
  good(store.commit());
  CHECK(all_in(store).size() == 9);
}

TEST_CASE("nothing of a dropped report stays, and nothing of what was not committed") {
  const TemporaryFolder folder;
  {
    auto store = good(ReportStore::open(folder / "r", store::Access::write));
    good(store.begin());
    good(store.add(policy_of("a.test", 1)));
    good(store.drop());
    CHECK(add(store, head_of("r1"), {policy_of("b.test")}) == Addition::added);
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
  auto store = good(ReportStore::open(folder / "r", store::Access::write));
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

TEST_CASE("a store that is not there is empty when read, and a foreign file is refused") {
  const TemporaryFolder folder;
  auto store = good(ReportStore::open(folder / "none", store::Access::read));
  CHECK(all_in(store).empty());
  CHECK_FALSE(std::filesystem::exists(folder / "none"));
  write(folder / "text", std::string(5000, 'x'));
  CHECK(bad(ReportStore::open(folder / "text", store::Access::write)).fault == Fault::data);
}
