#include "report/outbound_alerts.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;

namespace {

void add(outbound::Summary& summary, const std::string& domain, std::uint64_t successful,
         std::uint64_t failed) {
  summary.add({.policy = {.domain = domain, .policy_type = "sts"}, .day = good(parse_day("2026-11-22"))},
              {.successful = successful, .failed = failed});
}

}  // namespace

TEST_CASE("a domain whose sessions fail is an alert, few sessions and few failures are none") {
  outbound::Summary summary;
  add(summary, "bad.example", 70, 30);
  add(summary, "rare.example", 0, 19);
  add(summary, "good.example", 990, 9);
  const auto alerts = outbound_alerts(summary, {.failure_share = 1.0, .min_sessions = 20});
  REQUIRE(alerts.size() == 1);
  CHECK(alerts[0].kind == "outbound-failures");
  CHECK(alerts[0].message ==
        "30 of 100 sessions of our own mail to bad.example failed (30.0%); see tlsrpt-report summary "
        "--outbound "
        "--domain bad.example.");
}

TEST_CASE("many failing domains are one alert more") {
  outbound::Summary summary;
  for (int i = 0; i < 15; ++i) add(summary, fmt::format("d{}.example", i), 0, 20);
  const auto alerts = outbound_alerts(summary, {});
  REQUIRE(alerts.size() == 11);
  CHECK(alerts.back().message ==
        "Sessions to 5 further domains failed as often; see tlsrpt-report summary --outbound.");
}
