#include "outbound/figures.h"

#include "support.h"

using namespace starttls;
using namespace starttls::outbound;
using namespace starttls::test;

namespace {

const Day day = good(parse_day("2026-11-22"));

PolicyOfDay of(const std::string& domain, const std::string& type = "sts",
               const std::string& mode = "enforce", Day when = day) {
  return {
      .policy = {.domain = domain,
                 .policy_type = type,
                 .policy_strings = type == "sts" ? std::vector<std::string>{"version: STSv1", "mode: " + mode}
                                                 : std::vector<std::string>()},
      .day = when};
}

PolicyCount count(std::uint64_t successful, std::uint64_t failed = 0,
                  const std::string& type = "certificate-expired") {
  PolicyCount made{.successful = successful, .failed = failed};
  if (failed > 0) made.failures[{.result_type = type, .receiving_mx_hostname = "mx.bad.example"}] = failed;
  return made;
}

const Figures& figures(const Summary& summary, GroupBy by, const std::string& name) {
  const auto found = summary.by(by).find(name);
  REQUIRE(found != summary.by(by).end());
  return found->second;
}

}  // namespace

TEST_CASE("each policy has its label") {
  CHECK(policy_label(of("a", "tlsa").policy) == "DANE");
  CHECK(policy_label(of("a", "no-policy-found").policy) == "no policy");
  CHECK(policy_label(of("a", "").policy) == "unknown policy");
  CHECK(policy_label(of("a", "code-7").policy) == "code-7");
  CHECK(policy_label(of("a", "sts", "enforce").policy) == "MTA-STS enforce");
  CHECK(policy_label(of("a", "sts", "testing").policy) == "MTA-STS testing");
  CHECK(policy_label(of("a", "sts", "strange").policy) == "MTA-STS");
  PolicyOfDay without_texts = of("a");
  without_texts.policy.policy_strings.clear();
  CHECK(policy_label(without_texts.policy) == "MTA-STS");
}

TEST_CASE("results are added up by domain, policy, result type, MX host and day") {
  Summary summary;
  summary.add(of("a.example"), count(5, 1));
  summary.add(of("a.example", "tlsa"), count(2));
  summary.add(of("b.example", "sts", "testing", day + std::chrono::days{1}),
              count(1, 3, "validation-failure"));
  CHECK(summary.total().all() == 12);
  CHECK(summary.total().failed == 4);
  CHECK(summary.total().failed_in_testing == 3);
  CHECK(figures(summary, GroupBy::domain, "a.example").all() == 8);
  CHECK(figures(summary, GroupBy::domain, "a.example").last_failed == day);
  CHECK(figures(summary, GroupBy::policy, "DANE").successful == 2);
  CHECK(figures(summary, GroupBy::policy, "MTA-STS testing").failed_in_testing == 3);
  CHECK(figures(summary, GroupBy::result_type, "certificate-expired").failed == 1);
  CHECK(figures(summary, GroupBy::mx, "mx.bad.example").failed == 4);
  CHECK(summary.by(GroupBy::day).size() == 2);
}

TEST_CASE("a million different names need no more memory than the limit") {
  Summary summary;
  for (std::size_t i = 0; i < max_names + 1'000; ++i)
    summary.add(of(fmt::format("d{}.example", i)), count(1));
  CHECK(summary.by(GroupBy::domain).size() == max_names + 1);
  CHECK(figures(summary, GroupBy::domain, other_names).successful == 1'000);
  CHECK(summary.total().successful == max_names + 1'000);
}

TEST_CASE("the worst come first, then those with the most sessions") {
  Summary summary;
  summary.add(of("few.example"), count(1));
  summary.add(of("many.example"), count(100));
  summary.add(of("bad.example"), count(0, 2));
  summary.add(of("worse.example"), count(0, 3));
  std::vector<std::string> names;
  for (const auto& [name, f] : worst_first(summary.by(GroupBy::domain), 3)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"worse.example", "bad.example", "many.example"});
}

TEST_CASE("the domains with failures in testing, those with the most first") {
  Summary summary;
  summary.add(of("bad.example"), count(0, 50));
  summary.add(of("few.example", "sts", "testing"), count(70, 1));
  summary.add(of("many.example", "sts", "testing"), count(1, 3));
  summary.add(of("good.example", "sts", "testing"), count(9));
  std::vector<std::string> names;
  for (const auto& [name, f] : failing_in_testing(summary.by(GroupBy::domain))) names.push_back(name);
  CHECK(names == std::vector<std::string>{"many.example", "few.example"});
}

TEST_CASE("a domain fails if too many of many sessions do") {
  Summary summary;
  summary.add(of("bad.example"), count(70, 30));
  summary.add(of("worse.example"), count(0, 50));
  summary.add(of("rare.example"), count(0, 19));
  summary.add(of("good.example"), count(990, 9));
  std::vector<std::string> names;
  for (const auto& [name, f] : failing_domains(summary.by(GroupBy::domain), 1.0, 20)) names.push_back(name);
  CHECK(names == std::vector<std::string>{"worse.example", "bad.example"});
}
