#include "mtasts/policy_state.h"

#include <set>

#include "examples.h"

using namespace starttls;
using namespace starttls::mtasts;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Time start = at("2026-11-22T12:00:00Z");
const DomainName domain = name("example.org");
constexpr std::chrono::seconds week{604'800};

// Fetched at the start, with the id "a".
PolicyState fetched(std::chrono::seconds max_age = week, std::string_view mode = "enforce") {
  return after_fetch({}, domain, "a", brought(policy_text(mode, "mx.example.org", max_age)), start);
}

PolicyState failed(PolicyState before, const std::string& id, Time now) {
  return after_fetch(std::move(before), domain, id, broken(), now);
}

std::string mode_in_force(const PolicyState& policy_state, Time now) {
  const FetchedPolicy* valid = policy_state.valid(now);
  return valid != nullptr ? std::string(to_string(valid->policy.mode)) : "nothing";
}

bool fetches(const PolicyState& policy_state, const RecordState& record, Time now) {
  return must_fetch(after_record(policy_state, domain, record, now), record, now);
}

}  // namespace

TEST_CASE("a policy is valid for its max_age from the fetch, to the millisecond") {
  const PolicyState policy_state = fetched();
  CHECK(mode_in_force(policy_state, start) == "enforce");
  CHECK(mode_in_force(policy_state, start + week - 1ms) == "enforce");
  CHECK(mode_in_force(policy_state, start + week) == "nothing");
  CHECK(policy_state.policy->expires() == start + week);
}

TEST_CASE("an id that stays the same does not extend a policy") {
  PolicyState policy_state = fetched();
  for (Time now = start; now < start + 8 * 24h; now += 6h) {
    policy_state = after_record(policy_state, domain, record("a"), now);
    CHECK((policy_state.valid(now) != nullptr) == (now < start + week));
  }
}

TEST_CASE("a domain that was never seen is fetched only if there is a record") {
  CHECK(fetches({}, record("a"), start));
  CHECK_FALSE(fetches({}, no_record, start));
  CHECK_FALSE(fetches({}, dns_trouble, start));
}

TEST_CASE("a policy is fetched again daily, or after half of its max_age, never within five minutes") {
  const std::vector<std::pair<std::chrono::seconds, std::chrono::milliseconds>> intervals{
      {max_max_age, 24h}, {week, 24h}, {48h, 24h}, {24h, 12h}, {1h, 30min}, {20min, 10min}, {60s, 5min}};
  for (const auto& [max_age, interval] : intervals) {
    CAPTURE(max_age.count());
    const PolicyState policy_state = fetched(max_age);
    CHECK(policy_state.next_fetch >= start + std::max<std::chrono::milliseconds>(interval * 9 / 10, 5min));
    CHECK(policy_state.next_fetch <= start + std::max<std::chrono::milliseconds>(interval * 11 / 10, 5min));
    CHECK_FALSE(fetches(policy_state, record("a"), policy_state.next_fetch - 1ms));
    CHECK(fetches(policy_state, record("a"), policy_state.next_fetch));
  }
}

TEST_CASE(
    "domains that were first seen together are fetched again at different times, the same in every run") {
  std::set<Time> times;
  for (int i = 0; i < 100; ++i) {
    const auto outcome = brought(policy_text("enforce", "mx.example.org", week));
    times.insert(after_fetch({}, name(fmt::format("d{}.test", i)), "a", outcome, start).next_fetch);
  }
  CHECK(times.size() == 100);
  CHECK(*times.rbegin() - *times.begin() > 4h);
  // From a hash that no build may change: the cache holds times that an earlier one chose.
  CHECK(to_rfc3339(fetched().next_fetch) == "2026-11-23T14:04:14.894Z");
}

TEST_CASE("a new id is fetched at once, and the policy before is valid until that succeeds") {
  PolicyState policy_state = fetched();
  const Time now = start + 1min;
  CHECK(fetches(policy_state, record("b"), now));
  policy_state = failed(policy_state, "b", now);
  CHECK(mode_in_force(policy_state, now) == "enforce");
  CHECK(policy_state.policy->expires() == start + week);
  policy_state =
      after_fetch(policy_state, domain, "b", brought(policy_text("testing", "b.test", week)), now + 5min);
  CHECK(mode_in_force(policy_state, now + 5min) == "testing");
  CHECK(policy_state.policy->id == "b");
  CHECK_FALSE(policy_state.failure);
}

TEST_CASE("nothing is fetched within five minutes of a failure, whatever the id") {
  const PolicyState policy_state = failed(fetched(), "b", start);
  for (const char* id : {"a", "b", "c"}) {
    CAPTURE(id);
    CHECK_FALSE(fetches(policy_state, record(id), start));
    CHECK_FALSE(fetches(policy_state, record(id), start + 5min - 1ms));
  }
  CHECK(fetches(policy_state, record("c"), start + 5min));
  // The failed id and the id of the policy in force wait until the next fetch is due.
  CHECK(fetches(policy_state, record("b"), policy_state.next_fetch));
  CHECK_FALSE(fetches(failed(policy_state, "b", start + 6min), record("b"), start + 11min));
  CHECK_FALSE(fetches(failed(policy_state, "b", start + 6min), record("a"), start + 11min));
}

TEST_CASE("the pause after failures grows from five minutes to an hour, and a success ends them") {
  const std::vector<std::chrono::milliseconds> pauses{5min, 10min, 20min, 40min, 1h, 1h, 1h};
  PolicyState policy_state;
  Time now = start;
  for (std::size_t i = 0; i < pauses.size(); ++i) {
    CAPTURE(i);
    policy_state = failed(policy_state, "a", now);
    REQUIRE(policy_state.failure);
    CHECK(policy_state.failure->count == i + 1);
    CHECK(policy_state.failure->since == start);
    CHECK(policy_state.failure->last == now);
    CHECK(policy_state.next_fetch >= now + std::max<std::chrono::milliseconds>(pauses[i] * 9 / 10, 5min));
    CHECK(policy_state.next_fetch <= now + pauses[i] * 11 / 10);
    now = policy_state.next_fetch;
  }
  policy_state =
      after_fetch(policy_state, domain, "a", brought(policy_text("enforce", "mx.a.test", week)), now);
  CHECK_FALSE(policy_state.failure);
  CHECK(policy_state.next_fetch > now + 20h);
}

TEST_CASE("a failure is kept for the report: its type, its reason and its record") {
  PolicyState policy_state = after_fetch({}, domain, "a", broken(FailureType::webpki_invalid), start);
  REQUIRE(policy_state.failure);
  CHECK(to_string(policy_state.failure->type) == "sts-webpki-invalid");
  CHECK(policy_state.failure->reason == "status 404");
  CHECK(policy_state.failure->id == "a");
  policy_state = after_fetch(policy_state, domain, "b", broken(FailureType::invalid), start + 1h);
  CHECK(to_string(policy_state.failure->type) == "sts-policy-invalid");
  CHECK(policy_state.failure->since == start);
  CHECK(to_string(FailureType::fetch_error) == "sts-policy-fetch-error");
}

TEST_CASE("a missing record or a failed lookup keeps a live policy and fetches nothing") {
  const PolicyState policy_state = fetched();
  for (const RecordState& record : {no_record, dns_trouble}) {
    for (const Time now : {start, policy_state.next_fetch, start + week - 1ms}) {
      CHECK(mode_in_force(after_record(policy_state, domain, record, now), now) == "enforce");
      CHECK_FALSE(fetches(policy_state, record, now));
    }
  }
}

TEST_CASE("a re-check without a record is repeated later, so that it does not delay others") {
  const PolicyState policy_state = fetched();
  const Time due = policy_state.next_fetch;
  CHECK(after_record(policy_state, domain, no_record, due - 1ms).next_fetch == due);
  CHECK(after_record(policy_state, domain, no_record, due).next_fetch > due + 50min);
  const PolicyState later = after_record(policy_state, domain, dns_trouble, due);
  CHECK(later.next_fetch >= due + 5min);
  CHECK(later.next_fetch < due + 6min);
  CHECK(fetches(later, record("a"), later.next_fetch));
}

TEST_CASE(
    "without a record and without a live policy nothing is known, except which hosts not to ask again yet") {
  CHECK(after_record(fetched(), domain, no_record, start + week).empty());
  const PolicyState after_failure = failed({}, "a", start);
  CHECK_FALSE(
      fetches(after_record(after_failure, domain, no_record, start + 1min), record("a"), start + 4min));
  CHECK(after_record(after_failure, domain, no_record, start + 1h).empty());
}

TEST_CASE("a failed lookup makes no policy valid again") {
  CHECK(mode_in_force(after_record(fetched(), domain, dns_trouble, start + week), start + week) == "nothing");
}

TEST_CASE("an expired policy is fetched as soon as there is a record, though its id is the same") {
  PolicyState policy_state = after_record(fetched(1h), domain, no_record, start + 55min);
  REQUIRE(policy_state.next_fetch > start + 1h);
  CHECK_FALSE(fetches(policy_state, record("a"), start + 59min));
  CHECK(fetches(policy_state, record("a"), start + 1h));
}

TEST_CASE("a fetched none replaces at once and is kept for its max_age") {
  PolicyState policy_state = fetched();
  policy_state =
      after_fetch(policy_state, domain, "b", brought("version: STSv1\nmode: none\nmax_age: 86400"), start);
  CHECK(mode_in_force(policy_state, start) == "none");
  CHECK(mode_in_force(policy_state, start + 24h - 1ms) == "none");
  CHECK(mode_in_force(policy_state, start + 24h) == "nothing");
}

TEST_CASE("a max_age of 0 ends the policy before, is never in force, and is not fetched in a loop") {
  PolicyState policy_state = fetched();
  const Time now = start + 1h;
  policy_state =
      after_fetch(policy_state, domain, "b", brought(policy_text("enforce", "mx.a.test", 0s)), now);
  CHECK(mode_in_force(policy_state, now) == "nothing");
  CHECK_FALSE(fetches(policy_state, record("b"), now));
  CHECK_FALSE(fetches(policy_state, record("b"), now + 5min - 1ms));
  CHECK(fetches(policy_state, record("b"), now + 5min));
}

TEST_CASE("a clock that is set back does not extend a policy without limit") {
  const Time now = start - 365 * 24h;
  PolicyState policy_state = fetched();
  CHECK(mode_in_force(policy_state, now) == "enforce");
  CHECK(fetches(policy_state, record("a"), now));
  policy_state = after_record(policy_state, domain, dns_trouble, now);
  CHECK(policy_state.policy->expires() == now + week);
  CHECK(mode_in_force(policy_state, now + week - 1ms) == "enforce");
  CHECK(mode_in_force(policy_state, now + week) == "nothing");
}

TEST_CASE("a fetch that fails then does not extend it either") {
  const Time now = start - 365 * 24h;
  CHECK(failed(fetched(), "a", now).policy->expires() == now + week);
}

TEST_CASE("clocks that differ by less than five minutes change nothing") {
  const PolicyState policy_state = fetched();
  CHECK(after_record(policy_state, domain, record("a"), start - 5min).policy->fetched == start);
  CHECK_FALSE(fetches(policy_state, record("a"), start - 5min));
  CHECK(mode_in_force(policy_state, start - 5min) == "enforce");
  CHECK_FALSE(fetches(failed({}, "a", start), record("a"), start - 4min));
}

TEST_CASE("a failure in the future does not prevent a fetch") {
  PolicyState policy_state = failed({}, "a", start);
  CHECK(fetches(policy_state, record("a"), start - 1h));
  policy_state = failed(policy_state, "a", start - 1h);
  CHECK(policy_state.failure->last == start - 1h);
  CHECK(policy_state.failure->since <= policy_state.failure->last);
}

TEST_CASE("a next fetch that a clock far ahead has chosen does not prevent it either") {
  PolicyState policy_state = fetched();
  policy_state.next_fetch = start + 10'000h;
  CHECK(fetches(policy_state, record("a"), start + 1h));
}

TEST_CASE("what other processes stored meanwhile is replaced only by something newer") {
  const auto of = [](const PolicyState& policy_state) {
    return fmt::format("{}{}", policy_state.policy ? to_rfc3339(policy_state.policy->fetched) : "no policy",
                       policy_state.failure ? ", failing" : "");
  };
  const PolicyState old = fetched();
  const PolicyState newer =
      after_fetch(old, domain, "b", brought(policy_text("enforce", "mx.example.org", week)), start + 1h);
  const PolicyState future =
      after_fetch({}, domain, "a", brought(policy_text("none", "mx.example.org", week)), start + 24h * 365);
  struct Case {
    std::string what;
    PolicyState learnt, before, kept;
    std::string expected;
  };
  for (const Case& one : std::vector<Case>{
           {"nothing was there", old, {}, {}, of(old)},
           {"nobody else learnt anything", newer, old, old, of(newer)},
           {"it was purged meanwhile", newer, old, {}, of(newer)},
           {"others have fetched it, here it failed before", failed({}, "a", start), {}, newer, of(newer)},
           {"and here it failed since", failed({}, "a", start + 2h), {}, newer, of(newer) + ", failing"},
           {"others have an older one", newer, {}, old, of(newer)},
           {"here there was no record any more", {}, {}, newer, of(newer)},
           {"by a clock that was wrong, and known before", newer, future, future, of(newer)}}) {
    CAPTURE(one.what);
    CHECK(of(merge(one.learnt, one.before, one.kept)) == one.expected);
  }
}
