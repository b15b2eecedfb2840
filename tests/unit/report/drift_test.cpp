// From the policies that reporters saw and the published ones to the differences.
#include "report/drift.h"

#include "figures.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::report::test;

namespace {

using Lines = std::vector<std::string>;

const Lines testing{"version: STSv1", "mode: testing", "mx: mx.example.test", "max_age: 86400"};

Input saw(const Lines& policy, int on_day = 0, const std::string& reporter = "sender.test") {
  Input input;
  input.head.organization_name = reporter;
  input.head.begin = Time(day(on_day));
  input.seen_policies[our_domain] = policy;
  return input;
}

PublishedPolicies publishes(const Lines& policy, const std::string& type = "sts") {
  PublishedPolicy published;
  published.type = type;
  published.strings = policy;
  return {{our_domain, published}};
}

std::vector<Drift> drifts(const Lines& seen, const PublishedPolicies& published) {
  SeenPolicies policies;
  policies.add(saw(seen));
  return policies.drifts(published);
}

}  // namespace

TEST_CASE("a policy that is published as it was seen is no difference, however its lines are written") {
  const std::vector<Lines> same{
      testing,
      {"mx: mx.example.test", "max_age: 86400", "mode: testing", "version: STSv1"},
      {"version:STSv1", "mode:testing", "mx:mx.example.test", "max_age:86400"},
      {"Version: STSv1\r\n", "MODE: Testing", "mx: MX.example.test ", "max_age:\t86400", ""},
  };
  for (const Lines& seen : same) {
    CAPTURE(seen);
    CHECK(drifts(seen, publishes(testing)).empty());
  }
}

TEST_CASE("another mode, another MX host, and a line more or less are differences") {
  const std::vector<Lines> others{
      {"version: STSv1", "mode: enforce", "mx: mx.example.test", "max_age: 86400"},
      {"version: STSv1", "mode: testing", "mx: mx2.example.test", "max_age: 86400"},
      {"version: STSv1", "mode: testing", "mx: mx.example.test"},
      {"version: STSv1", "mode: testing", "mx: mx.example.test", "mx: mx2.example.test", "max_age: 86400"},
  };
  for (const Lines& seen : others) {
    CAPTURE(seen);
    const auto found = drifts(seen, publishes(testing));
    REQUIRE(found.size() == 1);
    CHECK(found[0].policy_domain == our_domain);
    CHECK(found[0].reporter == "sender.test");
    CHECK(found[0].day == day(0));
    CHECK(found[0].seen == seen);
    CHECK(found[0].published == testing);
  }
}

TEST_CASE("a policy that was seen and is not published any more is a difference") {
  const auto found = drifts(testing, publishes({}, "no-policy-found"));
  REQUIRE(found.size() == 1);
  CHECK(found[0].published.empty());
}

TEST_CASE("there is no difference if the lookup failed, was not made, or found DANE") {
  CHECK(drifts(testing, {}).empty());
  CHECK(drifts(testing, publishes({"3 1 1 00"}, "tlsa")).empty());
  PublishedPolicies failed = publishes({}, "no-policy-found");
  failed[our_domain].error = "timeout";
  CHECK(drifts(testing, failed).empty());
}

TEST_CASE("the newest report decides what was seen, and of two about one day the later one") {
  const Lines enforce{"version: STSv1", "mode: enforce", "mx: mx.example.test", "max_age: 86400"};
  SeenPolicies policies;
  policies.add(saw(enforce, 2, "new.test"));
  policies.add(saw(testing, 1, "old.test"));
  CHECK(policies.domains() == std::set<std::string>{our_domain});
  REQUIRE(policies.drifts(publishes(testing)).size() == 1);
  CHECK(policies.drifts(publishes(testing))[0].reporter == "new.test");
  CHECK(policies.drifts(publishes(enforce)).empty());
  policies.add(saw(testing, 2, "third.test"));
  CHECK(policies.drifts(publishes(testing)).empty());
}
