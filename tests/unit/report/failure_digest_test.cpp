#include "report/failure_digest.h"

#include "support.h"
#include "tlsrpt/explanation.h"

using namespace starttls;
using namespace starttls::report;

namespace {

tlsrpt::PolicyResult policy_of(std::size_t details, std::size_t text_size) {
  tlsrpt::PolicyResult policy{.policy_type = "sts", .policy_domain = "a.test"};
  for (std::size_t number = 0; number < details; ++number) {
    const std::string text = fmt::format("{:{}}", number, text_size);
    policy.failure_details.push_back({.result_type = fmt::format("type{}", number % 10),
                                      .sending_mta_ip = text,
                                      .receiving_mx_hostname = text,
                                      .receiving_mx_helo = {},
                                      .receiving_ip = {},
                                      .failed_session_count = 1,
                                      .additional_information = text,
                                      .failure_reason_code = text + "x"});
  }
  return policy;
}

std::uint64_t all_sessions(const FailureDigest& digest) {
  std::uint64_t sessions = digest.suppressed();
  for (const auto& [key, group] : digest.groups()) sessions += group.sessions;
  return sessions;
}

}  // namespace

TEST_CASE("a digest of failures holds a limited number of bytes of names, and counts all sessions") {
  FailureDigest digest(100'000);
  digest.add(policy_of(1'000, 4'000));
  CHECK(digest.size() <= 100'000);
  CHECK(digest.size() > 90'000);
  CHECK(all_sessions(digest) == 1'000);
  FailureDigest sum(50'000);
  sum.add(std::string(1'000, 'r'), digest);
  CHECK(sum.size() <= 50'000);
  CHECK(all_sessions(sum) == 1'000);
}

TEST_CASE("groups whose names exceed the limit are suppressed") {
  FailureDigest digest(1'000);
  tlsrpt::PolicyResult policy{.policy_type = "sts", .policy_domain = std::string(900, 'd')};
  policy.failed_sessions = 3;
  digest.add(policy);
  policy.policy_domain[0] = 'e';
  digest.add(policy);
  CHECK(digest.groups().size() == 1);
  CHECK(digest.suppressed() == 3);
}

namespace {

using Failures = std::vector<std::pair<std::string, std::uint64_t>>;  // result types with their sessions

// The groups of one policy with these failed sessions, of which these have details.
Failures digested(std::uint64_t failed, const Failures& details) {
  tlsrpt::PolicyResult policy{.policy_type = "sts", .policy_domain = "A.test"};
  policy.failed_sessions = failed;
  for (const auto& [type, sessions] : details) {
    tlsrpt::FailureDetail detail;
    detail.result_type = type;
    detail.failed_session_count = sessions;
    policy.failure_details.push_back(detail);
  }
  FailureDigest digest;
  digest.add(policy);
  Failures groups;
  for (const auto& [key, group] : digest.groups()) {
    CHECK(key.first == "a.test");
    groups.emplace_back(key.second, group.sessions);
  }
  return groups;
}

}  // namespace

TEST_CASE(
    "failed sessions are grouped by result type, in any case, and those without details are one group") {
  const std::string none(tlsrpt::no_details_given);
  const std::string no_type(tlsrpt::no_type_given);
  CHECK(digested(0, {}).empty());
  CHECK(digested(3, {}) == Failures{{none, 3}});
  CHECK(digested(3, {{"certificate-expired", 3}}) == Failures{{"certificate-expired", 3}});
  CHECK(digested(3, {{"Certificate-Expired", 1}, {"certificate-expired", 2}}) ==
        Failures{{"certificate-expired", 3}});
  CHECK(digested(5, {{"tlsa-invalid", 3}}) == Failures{{none, 2}, {"tlsa-invalid", 3}});
  CHECK(digested(1, {{"", 1}}) == Failures{{no_type, 1}});
  // One session can fail in several ways.
  CHECK(digested(1, {{"tlsa-invalid", 1}, {"validation-failure", 1}}) ==
        Failures{{"tlsa-invalid", 1}, {"validation-failure", 1}});
}

TEST_CASE("a digest of several reports adds their sessions and names their reporters") {
  tlsrpt::PolicyResult policy{.policy_type = "sts", .policy_domain = "a.test"};
  policy.failed_sessions = 2;
  FailureDigest report;
  report.add(policy);
  FailureDigest sum;
  sum.add("one.test", report);
  sum.add("two.test", report);
  sum.add("two.test", report);
  REQUIRE(sum.groups().size() == 1);
  CHECK(sum.groups().begin()->second.sessions == 6);
  CHECK(sum.groups().begin()->second.reporters == std::set<std::string>{"one.test", "two.test"});
  CHECK(sum.suppressed() == 0);
}

TEST_CASE("a digest holds a thousand groups, and suppresses those beyond") {
  FailureDigest digest;
  for (std::size_t number = 0; number < max_failure_groups + 2; ++number) {
    tlsrpt::PolicyResult policy{.policy_type = "sts", .policy_domain = fmt::format("d{}.test", number)};
    policy.failed_sessions = 1;
    digest.add(policy);
  }
  CHECK(digest.groups().size() == max_failure_groups);
  CHECK(digest.suppressed() == 2);
}
