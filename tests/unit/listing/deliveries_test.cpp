// What reports about deliveries count for.

#include "listing/deliveries.h"

#include "base/saturated.h"
#include "support.h"

using namespace starttls;
using namespace starttls::listing;

namespace {

const Day first{std::chrono::days(20'000)};

DeliveryReport of(const std::string& reporter, std::uint64_t successful, std::uint64_t failed,
                  Failures failures = {}, Day day = first) {
  return {.day = day,
          .reporter = reporter,
          .successful = successful,
          .failed = failed,
          .failures = std::move(failures)};
}

}  // namespace

TEST_CASE("sessions are added up, and reporters counted once") {
  const std::vector reports{of("a", 100, 0),
                            of("a", 4, 1, {{"certificate-expired", 1}}, first + std::chrono::days(1)),
                            of("b", 10, 0)};
  const DeliverySums sums = add_up(reports);
  CHECK(sums.reporters == 2);
  CHECK(sums.sessions == 115);
  CHECK(sums.failed == 1);
  CHECK(sums.failures == Failures{{"certificate-expired", 1}});
  CHECK(sums.doubting == 0);  // 1 of 105 sessions of a
  CHECK(to_text(sums) == "2 reporters: 115 sessions, 1 failed (certificate-expired 1)");
  CHECK(to_text(add_up({})).empty());
}

TEST_CASE("a reporter doubts if more than one session in a hundred failed at the mail servers") {
  const auto doubting = [](const DeliveryReport& report) { return add_up(std::vector{report}).doubting; };
  CHECK(doubting(of("a", 99, 1)) == 0);
  CHECK(doubting(of("a", 98, 2)) == 1);
  CHECK(doubting(of("a", 0, 1)) == 1);
  CHECK(doubting(of("a", 0, 0)) == 0);
  CHECK(doubting(of("a", 1000, 0, {{"certificate-expired", 500}})) == 0);  // details without a session
}

TEST_CASE("failures of a policy, which a list does without, are no doubt") {
  for (const char* const type : {"sts-policy-fetch-error", "sts-policy-invalid", "sts-webpki-invalid",
                                 "tlsa-invalid", "dnssec-invalid", "dane-required"}) {
    CHECK(is_policy_failure(type));
    CHECK(add_up(std::vector{of("a", 0, 9, {{type, 9}})}).doubting == 0);
    CHECK(add_up(std::vector{of("a", 0, 9, {{type, 8}})}).doubting == 1);
    CHECK(add_up(std::vector{of("a", 0, 9, {{type, 20}})}).doubting == 0);
  }
  for (const char* const type : {"starttls-not-supported", "certificate-host-mismatch", "certificate-expired",
                                 "certificate-not-trusted", "validation-failure", "of-tomorrow", ""})
    CHECK_FALSE(is_policy_failure(type));
}

TEST_CASE("sums of sessions do not wrap around") {
  const DeliverySums sums = add_up(std::vector{of("a", max_count, max_count), of("b", max_count, 1)});
  CHECK(sums.sessions == max_count);
  CHECK(sums.failed == max_count);
}
