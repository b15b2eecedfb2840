#include "report/report_completion.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;

namespace {

const std::string record = "v=TLSRPTv1; rua=mailto:a@example.org";

OutboundReport report_to(const std::string& domain, bool knows_policy) {
  OutboundReport made{.domain = domain, .report = {.head = {}, .policies = {{.policy_domain = domain}}}};
  if (!knows_policy) made.unknown_policies.push_back(0);
  return made;
}

// Looks up what a test says, and keeps how often and what was asked.
struct World {
  std::map<std::string, ReportDestinations> destinations;
  PublishedPolicies policies;
  std::vector<std::set<std::string>> asked_destinations;
  std::vector<std::set<std::string>> asked_policies;
  std::vector<std::string> warnings;
  std::vector<std::string> taken;  // "DOMAIN STATUS POLICY-TYPE URI..."

  ReportCompletion completion(const DestinationFacts& facts, bool finds_destinations = true) {
    ReportCompletion::Lookups lookups{
        .policies = [this](const std::set<std::string>& domains) -> Result<PublishedPolicies> {
          asked_policies.push_back(domains);
          return policies;
        },
        .destinations = {}};
    if (finds_destinations) {
      lookups.destinations =
          [this](const std::set<std::string>& domains) -> Result<std::map<std::string, ReportDestinations>> {
        asked_destinations.push_back(domains);
        return destinations;
      };
    }
    return {std::move(lookups), facts, [this](const std::string& text) { warnings.push_back(text); },
            [this](OutboundReport&& report, const Decision& decision) -> Result<void> {
              std::string text =
                  fmt::format("{} {} {}", report.domain, report_status_words.word(decision.status),
                              report.report.policies.front().policy_type);
              for (const tlsrpt::Destination& one : decision.destinations) text += " " + one.uri();
              taken.push_back(std::move(text));
              return {};
            }};
  }
};

std::vector<tlsrpt::Destination> uri(const char* text) {
  return {good(tlsrpt::parse_destination(text))};
}

using Taken = std::vector<std::string>;

}  // namespace

TEST_CASE("what is known is passed on at once, and nothing is looked up") {
  World world;
  const DestinationFacts facts;
  auto completion = world.completion(facts);
  good(completion.add(report_to("a.example", true), {.destinations = uri("mailto:a@a.example")}));
  good(completion.add(report_to("b.example", false), {.status = ReportStatus::no_record}));
  good(completion.add(report_to("c.example", false), {.status = ReportStatus::only_our_reports}));
  CHECK(world.taken == Taken{"a.example reported no-policy-found mailto:a@a.example",
                             "b.example no-record no-policy-found",
                             "c.example only-our-reports no-policy-found"});
  good(completion.finish());
  CHECK(world.asked_destinations.empty());
  CHECK(world.asked_policies.empty());
}

TEST_CASE("destinations come first, and policies only of domains that have one") {
  World world;
  world.destinations = {{"a.example", {.destinations = uri("mailto:a@a.example"), .error = {}}},
                        {"none.example", {.destinations = {}, .error = "it publishes none"}},
                        {"later.example", {.destinations = {}, .error = "SERVFAIL", .is_temporary = true}},
                        {"gone.example", {.destinations = uri("mailto:Gone@gone.example"), .error = {}}}};
  world.policies = {
      {"a.example", {.type = "sts", .strings = {"version: STSv1"}, .mx_hosts = {}, .error = {}}},
      {"later.example", {.type = "no-policy-found", .strings = {}, .mx_hosts = {}, .error = "SERVFAIL"}}};
  const DestinationFacts facts{.overrides = {}, .mails_sent = {}, .suppressed = {"gone@gone.example"}};
  auto completion = world.completion(facts);
  for (const char* domain : {"a.example", "none.example", "later.example", "gone.example"})
    good(completion.add(report_to(domain, false), {}));
  CHECK(world.taken.empty());
  good(completion.finish());
  CHECK(world.taken ==
        Taken{"a.example reported sts mailto:a@a.example", "none.example no-record no-policy-found",
              "later.example reported no-policy-found", "gone.example suppressed no-policy-found"});
  REQUIRE(world.asked_destinations.size() == 1);
  CHECK(world.asked_destinations[0].size() == 4);
  CHECK(world.asked_policies == std::vector<std::set<std::string>>{{"a.example", "later.example"}});
  CHECK(world.warnings == Taken{"later.example: reported without its policy: SERVFAIL"});
}

TEST_CASE("without destinations only policies are looked up, of every report") {
  World world;
  world.policies = {{"a.example", {.type = "tlsa", .strings = {"3 1 1 ab"}, .mx_hosts = {}, .error = {}}}};
  const DestinationFacts facts;
  auto completion = world.completion(facts, false);
  good(completion.add(report_to("a.example", false), {.status = ReportStatus::no_record}));
  good(completion.add(report_to("b.example", true), {}));
  good(completion.finish());
  CHECK(world.taken == Taken{"b.example reported no-policy-found", "a.example no-record tlsa"});
  CHECK(world.asked_destinations.empty());
}

TEST_CASE("many domains are looked up together") {
  World world;
  const DestinationFacts facts;
  auto completion = world.completion(facts);
  const std::size_t count = ReportCompletion::max_together + 10;
  for (std::size_t i = 0; i < count; ++i)
    good(completion.add(report_to(fmt::format("d{}.example", i), true), {}));
  CHECK(world.taken.size() == ReportCompletion::max_together);
  good(completion.finish());
  CHECK(world.taken.size() == count);
  CHECK(world.asked_destinations.size() == 2);
}

TEST_CASE("a lookup that fails as a whole is an error") {
  const DestinationFacts facts;
  ReportCompletion completion(
      {.policies = {},
       .destinations = [](const std::set<std::string>&) -> Result<std::map<std::string, ReportDestinations>> {
         return fail(Fault::config, "no resolver");
       }},
      facts, {}, [](OutboundReport&&, const Decision&) -> Result<void> { return {}; });
  good(completion.add(report_to("a.example", true), {}));
  CHECK(bad(completion.finish()).message == "no resolver");
}
