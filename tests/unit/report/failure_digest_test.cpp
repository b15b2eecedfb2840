#include "report/failure_digest.h"

#include "support.h"

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

std::uint64_t told(const FailureDigest& digest) {
  std::uint64_t sessions = digest.suppressed();
  for (const auto& [key, group] : digest.groups()) sessions += group.sessions;
  return sessions;
}

}  // namespace

TEST_CASE("a digest of failures holds so many bytes of names, and counts all sessions") {
  FailureDigest digest(100'000);
  digest.add(policy_of(1'000, 4'000));
  CHECK(digest.size() <= 100'000);
  CHECK(digest.size() > 90'000);
  CHECK(told(digest) == 1'000);
  FailureDigest sum(50'000);
  sum.add(std::string(1'000, 'r'), digest);
  CHECK(sum.size() <= 50'000);
  CHECK(told(sum) == 1'000);
}

TEST_CASE("groups whose names find no room are untold") {
  FailureDigest digest(1'000);
  tlsrpt::PolicyResult policy{.policy_type = "sts", .policy_domain = std::string(900, 'd')};
  policy.failed_sessions = 3;
  digest.add(policy);
  policy.policy_domain[0] = 'e';
  digest.add(policy);
  CHECK(digest.groups().size() == 1);
  CHECK(digest.suppressed() == 3);
}
