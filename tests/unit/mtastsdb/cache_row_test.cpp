#include "mtastsdb/cache_row.h"

#include "mtasts/examples.h"

using namespace starttls;
using namespace starttls::mtasts;
using namespace starttls::mtastsdb;
using namespace starttls::test;
using namespace std::chrono_literals;

namespace {

const Time now = at("2026-11-22T12:00:00Z");

CacheRow sound_row() {
  PolicyState policy_state =
      after_fetch({}, name("example.org"), "a", brought(policy_text("enforce", "mx.example.org", 24h)), now);
  policy_state = after_fetch(policy_state, name("example.org"), "b", broken(), now + 1h);
  return to_row({.domain = name("example.org"), .policy_state = policy_state});
}

template <class Change>
bool is_sound_with(Change change) {
  CacheRow row = sound_row();
  change(row);
  return to_entry(row).has_value();
}

}  // namespace

TEST_CASE("a row contains what was stored in it") {
  const auto entry = to_entry(sound_row());
  REQUIRE(entry);
  CHECK(entry->domain.str() == "example.org");
  CHECK(entry->policy_state.valid(now) != nullptr);
  CHECK(entry->policy_state.policy->expires() == now + 24h);
  CHECK(entry->policy_state.failure->reason == "status 404");
  CHECK(to_row(*entry) == sound_row());
}

TEST_CASE("a row that the cache would not have written counts as absent") {
  const std::vector<std::pair<std::string, std::function<void(CacheRow&)>>> changes{
      {"a domain that is none", [](CacheRow& row) { row.domain = "a b"; }},
      {"a domain in another form", [](CacheRow& row) { row.domain = "Example.org"; }},
      {"nothing known", [](CacheRow& row) { row.policy = {}, row.failure = {}; }},
      {"a next fetch before 1970", [](CacheRow& row) { row.next_fetch = -1; }},
      {"a next fetch after 9999", [](CacheRow& row) { row.next_fetch = std::int64_t{1} << 62; }},
      {"a policy that is cut", [](CacheRow& row) { row.policy->text.resize(20); }},
      {"no policy at all", [](CacheRow& row) { row.policy->text.clear(); }},
      {"a policy that is too large", [](CacheRow& row) { row.policy->text.append(policy_size_limit, 'x'); }},
      {"a fetch before 1970", [](CacheRow& row) { row.policy->fetched = -1; }},
      {"a fetch at the end of time", [](CacheRow& row) { row.policy->fetched = INT64_MAX; }},
      {"an id that is none", [](CacheRow& row) { row.policy->id = "a b"; }},
      {"no id", [](CacheRow& row) { row.policy->id.clear(); }},
      {"an unknown failure", [](CacheRow& row) { row.failure->type = "sts-policy"; }},
      {"a reason that disturbs a terminal", [](CacheRow& row) { row.failure->reason = "\x1b[2J"; }},
      {"an endless reason", [](CacheRow& row) { row.failure->reason.assign(max_reason_length + 1, 'x'); }},
      {"failures that last before they began", [](CacheRow& row) { row.failure->since += 1; }},
      {"no failures", [](CacheRow& row) { row.failure->count = 0; }},
      {"more failures than one can count", [](CacheRow& row) { row.failure->count = std::int64_t{1} << 40; }},
      {"failures of no record", [](CacheRow& row) { row.failure->id = ""; }},
  };
  CHECK(is_sound_with([](CacheRow&) {}));
  for (const auto& [why, change] : changes) {
    CAPTURE(why);
    CHECK_FALSE(is_sound_with(change));
  }
}

TEST_CASE("a reason that is fit to be shown is kept, others are escaped and truncated") {
  CHECK(is_sound_with([](CacheRow& row) { row.failure->reason = "server said 'a\\x0ab'"; }));
  PolicyState policy_state;
  for (const std::string& reason :
       {std::string("a\x1b[2J"), std::string(5000, 'x'), std::string(5000, '\n')}) {
    policy_state = after_fetch({}, name("example.org"), "a", {.reason = reason}, now);
    CHECK(to_entry(to_row({.domain = name("example.org"), .policy_state = policy_state})));
  }
}

TEST_CASE("a mail server receives the mode and the MX hosts, not when they were fetched") {
  const auto told = [](const std::string& text) { return mta_view(*read_policy(text).policy); };
  CHECK(told(policy_text("enforce", "*.example.org", 24h)) == "enforce *.example.org");
  CHECK(told(policy_text("enforce", "*.example.org", 48h)) == "enforce *.example.org");
  CHECK(told(policy_text("testing", "*.example.org", 24h)) != "enforce *.example.org");
}
