#include "policy/decision.h"

#include "support.h"

using namespace starttls;
using policy::decide;
using policy::Inputs;
using policy::Mode;
using policy::Source;
using test::at;

namespace {

mtasts::FetchedPolicy fetched(std::string_view text) {
  auto reading = mtasts::read_policy(text);
  REQUIRE(reading.policy);
  return {
      .policy = *reading.policy, .text = std::string(text), .id = "1", .fetched = at("2026-11-22T00:00:00Z")};
}

const mtasts::FetchedPolicy& sts_enforce() {
  static const auto policy =
      fetched("version: STSv1\nmode: enforce\nmx: mx.sts.test\nmx: *.sts.test\nmax_age: 86400\n");
  return policy;
}
const mtasts::FetchedPolicy& sts_testing() {
  static const auto policy = fetched("version: STSv1\nmode: testing\nmx: mx.sts.test\nmax_age: 86400\n");
  return policy;
}
const mtasts::FetchedPolicy& sts_none() {
  static const auto policy = fetched("version: STSv1\nmode: none\nmax_age: 86400\n");
  return policy;
}

policy::ListEntry entry(preload::Mode mode, std::string list = "sector") {
  return {.list = std::move(list),
          .mode = mode,
          .joined_mxs = mode == preload::Mode::none ? "" : "mx.list.test",
          .expires = at("2026-12-01T00:00:00Z")};
}

dane::DaneResult verdict(dane::DaneStatus status) {
  return {.status = status, .reason = "as the test says"};
}

struct Case {
  const char* says;
  Inputs known;
  Source source;
  Mode mode;
  bool enforced;
};

}  // namespace

TEST_CASE("the first source that applies decides") {
  using preload::Mode::enforce;
  const auto none = preload::Mode::none;
  const auto testing = preload::Mode::testing;
  const auto override_enforce = entry(enforce, "");
  const auto override_none = entry(none, "");
  const auto all = verdict(dane::DaneStatus::all);
  const auto some = verdict(dane::DaneStatus::some);
  const auto unusable = verdict(dane::DaneStatus::unusable);
  const auto failing = verdict(dane::DaneStatus::failing);
  const auto no_dane = verdict(dane::DaneStatus::none);
  const auto unknown = verdict(dane::DaneStatus::unknown);
  const auto unvalidated = verdict(dane::DaneStatus::unvalidated);
  const auto insecure = verdict(dane::DaneStatus::insecure);
  const std::vector<Case> cases{
      {"nobody knows it", {}, Source::none, Mode::none, false},
      {"an override beats everything",
       {.override_entry = override_enforce, .dane = all, .mta_sts = &sts_none(), .list_entry = entry(none)},
       Source::overrides,
       Mode::enforce,
       true},
      {"an override that says none ends all demands",
       {.override_entry = override_none,
        .dane = all,
        .mta_sts = &sts_enforce(),
        .list_entry = entry(enforce)},
       Source::overrides,
       Mode::none,
       false},
      {"DANE beats MTA-STS and lists",
       {.dane = all, .mta_sts = &sts_enforce(), .list_entry = entry(enforce)},
       Source::dane,
       Mode::mandatory_dane,
       false},
      {"so does DANE of some hosts, since MTA-STS must not override it where it fails",
       {.dane = some, .mta_sts = &sts_enforce(), .list_entry = entry(enforce)},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"DANE beats a policy of none",
       {.dane = all, .mta_sts = &sts_none()},
       Source::dane,
       Mode::mandatory_dane,
       false},
      {"unusable TLSA records do not beat MTA-STS",
       {.dane = unusable, .mta_sts = &sts_enforce()},
       Source::mta_sts,
       Mode::enforce,
       true},
      {"nor a list", {.dane = unusable, .list_entry = entry(enforce)}, Source::list, Mode::enforce, true},
      {"nor do TLSA records that cannot be looked up",
       {.dane = failing, .mta_sts = &sts_enforce()},
       Source::mta_sts,
       Mode::enforce,
       true},
      {"but where nobody demands more, their hosts are kept away from",
       {.dane = failing, .mta_sts = &sts_testing()},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"but they demand encryption where nobody else demands more",
       {.dane = unusable},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"also beside a policy that is only testing",
       {.dane = unusable, .mta_sts = &sts_testing()},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"without DANE MTA-STS decides",
       {.dane = no_dane, .mta_sts = &sts_enforce(), .list_entry = entry(none)},
       Source::mta_sts,
       Mode::enforce,
       true},
      {"also where the asker cannot validate",
       {.dane = unvalidated, .mta_sts = &sts_enforce()},
       Source::mta_sts,
       Mode::enforce,
       true},
      {"where nothing is known of DANE, MTA-STS does not stand in for it",
       {.dane = unknown, .mta_sts = &sts_enforce()},
       Source::dane,
       Mode::undecided,
       false},
      {"and where nobody demands more, the asker looks for it himself",
       {.dane = unknown},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"also beside a policy that is only testing or none",
       {.dane = unknown, .mta_sts = &sts_testing(), .list_entry = entry(enforce)},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"also where the resolver does not pass on signatures",
       {.dane = unvalidated},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"also behind an MX set that is not signed",
       {.dane = insecure, .mta_sts = &sts_testing()},
       Source::dane,
       Mode::opportunistic_dane,
       false},
      {"where a policy is worth more",
       {.dane = insecure, .list_entry = entry(enforce)},
       Source::list,
       Mode::enforce,
       true},
      {"and so is a default that is stricter",
       {.dane = insecure, .wait_for_dane = true},
       Source::none,
       Mode::none,
       false},
      {"unless he demands more than that of all others",
       {.dane = unknown, .wait_for_dane = true},
       Source::dane,
       Mode::undecided,
       false},
      {"to whom hosts without TLSA records are as good as none",
       {.dane = some, .mta_sts = &sts_enforce(), .wait_for_dane = true},
       Source::dane,
       Mode::mandatory_dane,
       false},
      {"and who demands encryption anyway",
       {.dane = unusable, .wait_for_dane = true},
       Source::none,
       Mode::none,
       false},
      {"of hosts that cannot be looked up, too",
       {.dane = failing, .wait_for_dane = true},
       Source::dane,
       Mode::undecided,
       false},
      {"and where the resolver does not pass on signatures",
       {.dane = unvalidated, .wait_for_dane = true},
       Source::dane,
       Mode::undecided,
       false},
      {"MTA-STS in testing goes before a list that enforces",
       {.mta_sts = &sts_testing(), .list_entry = entry(enforce)},
       Source::mta_sts,
       Mode::testing,
       false},
      {"MTA-STS none ends the policy of a list",
       {.mta_sts = &sts_none(), .list_entry = entry(enforce)},
       Source::mta_sts,
       Mode::none,
       false},
      {"a list closes what MTA-STS leaves open",
       {.list_entry = entry(enforce)},
       Source::list,
       Mode::enforce,
       true},
      {"nor does a list stand in for DANE",
       {.dane = unknown, .list_entry = entry(enforce)},
       Source::dane,
       Mode::undecided,
       false},
      {"but an override is the operator's word",
       {.override_entry = override_none, .dane = unknown, .list_entry = entry(enforce)},
       Source::overrides,
       Mode::none,
       false},
      {"testing of a list blocks nothing",
       {.list_entry = entry(testing)},
       Source::list,
       Mode::testing,
       false},
      {"except for an early adopter",
       {.list_entry = entry(testing), .early_adopter = true},
       Source::list,
       Mode::testing,
       true},
      {"who does not touch testing of MTA-STS",
       {.mta_sts = &sts_testing(), .early_adopter = true},
       Source::mta_sts,
       Mode::testing,
       false},
      {"a list may say none", {.list_entry = entry(none)}, Source::list, Mode::none, false},
  };
  for (const Case& one : cases) {
    INFO(one.says);
    const auto answer = decide(one.known);
    CHECK(answer.source == one.source);
    CHECK(answer.mode == one.mode);
    CHECK(answer.enforced == one.enforced);
    CHECK_FALSE(answer.reason.empty());
    CHECK((!answer.enforced || !answer.joined_mxs.empty()));
  }
}

TEST_CASE("an answer names the source, its demand and its expiry") {
  const auto sts = decide({.mta_sts = &sts_enforce()});
  CHECK(sts.joined_mxs == "mx.sts.test:.sts.test");
  CHECK(sts.expires == at("2026-11-23T00:00:00Z"));
  CHECK(sts.reason ==
        "its MTA-STS policy, fetched 2026-11-22T00:00:00Z, has mode enforce: mail goes out only over "
        "authenticated TLS to a matching server (a suffix means one label; Postfix matches any number of "
        "them)");

  const auto list = decide({.list_entry = entry(preload::Mode::enforce)});
  CHECK(list.list == "sector");
  CHECK(list.expires == at("2026-12-01T00:00:00Z"));
  CHECK(
      list.reason ==
      "list sector has it with mode enforce: mail goes out only over authenticated TLS to a matching server");

  CHECK(decide({.mta_sts = &sts_none(), .list_entry = entry(preload::Mode::enforce)}).reason ==
        "its MTA-STS policy, fetched 2026-11-22T00:00:00Z, has mode none: it demands nothing; it goes before "
        "list sector");
  CHECK(decide({.dane = verdict(dane::DaneStatus::all)}).reason == "DANE: as the test says");
  CHECK(decide({.dane = verdict(dane::DaneStatus::unknown)}).reason ==
        "DANE: as the test says; the mail server looks for itself when it delivers");
}
