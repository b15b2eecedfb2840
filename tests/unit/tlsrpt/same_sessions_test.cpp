#include "tlsrpt/same_sessions.h"

#include "support.h"

using namespace starttls;
using namespace starttls::tlsrpt;

namespace {

using Failures = std::vector<std::pair<std::string, std::uint64_t>>;

PolicyResult of(const std::string& type, std::uint64_t successful, std::uint64_t failed,
                const Failures& failures = {}, const std::string& domain = "a.test") {
  PolicyResult policy{.policy_type = type, .policy_domain = domain};
  policy.successful_sessions = successful;
  policy.failed_sessions = failed;
  for (const auto& [result_type, sessions] : failures) {
    FailureDetail detail;
    detail.result_type = result_type;
    detail.failed_session_count = sessions;
    policy.failure_details.push_back(detail);
  }
  return policy;
}

// The sums of the policies.
struct Sums {
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  Failures failures;
  bool were_same = false;
};

Sums counted(std::vector<PolicyResult> policies) {
  std::vector<PolicyResult*> pointers;
  for (PolicyResult& policy : policies) pointers.push_back(&policy);
  const std::vector<const PolicyResult*> constant(pointers.begin(), pointers.end());
  Sums sums{.were_same = have_same_sessions(constant)};
  const auto elsewhere = count_once(pointers);
  std::uint64_t moved = 0;
  for (std::size_t at = 0; at < policies.size(); ++at) {
    sums.successful += policies[at].successful_sessions;
    sums.failed += policies[at].failed_sessions;
    moved += elsewhere[at];
    for (const auto& detail : policies[at].failure_details)
      sums.failures.emplace_back(detail.result_type, detail.failed_session_count);
  }
  CHECK((moved > 0) == sums.were_same);
  return sums;
}

}  // namespace

TEST_CASE("sessions under tlsa and sts of one domain count once if their numbers are the same") {
  const Sums sums = counted({of("tlsa", 100, 0), of("sts", 100, 0)});
  CHECK(sums.were_same);
  CHECK(sums.successful == 100);
  const Sums other_order = counted({of("STS", 98, 2, {{"certificate-expired", 2}}), of("TLSA", 100, 0)});
  CHECK(other_order.successful == 98);
  CHECK(other_order.failed == 2);
  CHECK(other_order.failures == Failures{{"certificate-expired", 2}});
}

TEST_CASE("the type with more failed sessions counts, plus other failures of the other type") {
  const Sums sums = counted({of("tlsa", 90, 10, {{"tlsa-invalid", 4}, {"starttls-not-supported", 6}}),
                             of("sts", 80, 20, {{"starttls-not-supported", 5}, {"sts-webpki-invalid", 15}})});
  CHECK(sums.successful == 80);
  CHECK(sums.failed == 20);
  CHECK(sums.failures == Failures{{"tlsa-invalid", 4},
                                  {"starttls-not-supported", 1},
                                  {"starttls-not-supported", 5},
                                  {"sts-webpki-invalid", 15}});
}

TEST_CASE("several policies of a type, for example after a change within the day, are added") {
  const Sums sums = counted({of("tlsa", 100, 0), of("sts", 60, 0), of("sts", 30, 10)});
  CHECK(sums.were_same);
  CHECK(sums.successful == 90);
  CHECK(sums.failed == 10);
}

TEST_CASE("everything else adds up") {
  CHECK(counted({of("tlsa", 100, 0), of("sts", 99, 0)}).successful == 199);
  CHECK(counted({of("sts", 100, 0), of("sts", 100, 0)}).successful == 200);
  CHECK(counted({of("tlsa", 100, 0), of("no-policy-found", 100, 0)}).successful == 200);
  CHECK(counted({of("sts", 100, 0), of("no-policy-found", 100, 0)}).successful == 200);
  CHECK(counted({of("tlsa", 100, 0, {}, "mx.a.test"), of("sts", 100, 0)}).successful == 200);
  CHECK_FALSE(counted({of("tlsa", 0, 0), of("sts", 0, 0)}).were_same);
  CHECK(counted({}).successful == 0);
}
