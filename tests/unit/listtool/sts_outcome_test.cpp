#include "listtool/sts_outcome.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

using Record = mtasts::RecordState::Kind;

const Time now = at("2026-11-22T12:00:00Z");
const DomainName domain = good(DomainName::parse("a.test"));

mtasts::FetchedPolicy policy(Time fetched = now) {
  const std::string text = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 86400\n";
  return {.policy = *mtasts::read_policy(text).policy, .text = text, .id = "1", .fetched = fetched};
}

mtasts::Failure failure(mtasts::FailureType type) {
  return {.type = type, .reason = "status 404", .since = now, .last = now, .count = 1};
}

StsOutcome outcome(Record record, std::optional<mtasts::FetchedPolicy> fetched,
                   std::optional<mtasts::Failure> failed = {}) {
  discovery::MtaStsDiscovery discovery;
  discovery.record.kind = record;
  if (record != Record::record) discovery.record_reason = "why";
  discovery.policy_state.policy = std::move(fetched);
  discovery.policy_state.failure = std::move(failed);
  return to_outcome(discovery, now);
}

int status_of(const std::vector<StsOutcome>& outcomes) {
  StsTotals totals;
  for (const auto& one : outcomes) totals.count(one);
  return totals.exit_status();
}

}  // namespace

TEST_CASE("the result of a domain is one line") {
  const auto line = [](const StsOutcome& one) { return to_string(domain, one); };
  CHECK(line(outcome(Record::record, policy())) == "a.test: enforce mx.a.test, until 2026-11-23T12:00:00Z\n");
  CHECK(line(outcome(Record::none, policy())) ==
        "a.test: enforce mx.a.test, until 2026-11-23T12:00:00Z; why\n");
  CHECK(line(outcome(Record::none, {})) == "a.test: no MTA-STS: why\n");
  CHECK(line(outcome(Record::none, policy(now - std::chrono::days(1)))) == "a.test: no MTA-STS: why\n");
  CHECK(line(outcome(Record::unknown, {})) == "a.test: cannot be determined now: why\n");
  CHECK(line(outcome(Record::unknown, policy())) ==
        "a.test: cannot be determined now: why; still in force: enforce mx.a.test, until "
        "2026-11-23T12:00:00Z\n");
  const auto failed = failure(mtasts::FailureType::fetch_error);
  CHECK(line(outcome(Record::record, {}, failed)) == "a.test: sts-policy-fetch-error: status 404\n");
  CHECK(line(outcome(Record::record, policy(), failed)) ==
        "a.test: sts-policy-fetch-error: status 404; still in force: enforce mx.a.test, until "
        "2026-11-23T12:00:00Z\n");
}

TEST_CASE("the status prefers temporary errors to faults, and faults to what does not exist") {
  const auto good_one = outcome(Record::record, policy());
  const auto none = outcome(Record::none, {});
  const auto unknown = outcome(Record::unknown, {});
  const auto away = outcome(Record::record, {}, failure(mtasts::FailureType::fetch_error));
  const auto invalid = outcome(Record::record, {}, failure(mtasts::FailureType::invalid));
  const auto untrusted = outcome(Record::record, {}, failure(mtasts::FailureType::webpki_invalid));
  CHECK(status_of({good_one}) == 0);
  CHECK(status_of({good_one, none}) == 1);
  CHECK(status_of({none, invalid}) == 65);
  CHECK(status_of({none, untrusted}) == 65);
  CHECK(status_of({invalid, away}) == 75);
  CHECK(status_of({untrusted, unknown}) == 75);
  CHECK(status_of({}) == 0);
}

TEST_CASE("the summary counts failures by their kind") {
  StsTotals totals;
  totals.count(outcome(Record::record, policy()));
  totals.count(outcome(Record::none, {}));
  totals.count(outcome(Record::unknown, {}));
  totals.count(outcome(Record::record, {}, failure(mtasts::FailureType::webpki_invalid)));
  totals.count(outcome(Record::record, {}, failure(mtasts::FailureType::webpki_invalid)));
  CHECK(
      to_string(totals) ==
      "5 domains: 1 with a policy, 1 without, 2 sts-webpki-invalid, 1 for which the DNS gives no answer now");
}
