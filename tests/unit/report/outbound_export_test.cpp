#include "report/outbound_export.h"

#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;

namespace {

const Day day = good(parse_day("2026-11-22"));
const Reporter reporter{.organization = "Sender Ltd.",
                        .contact = "tls@sender.example",
                        .host = "out.sender.example",
                        .domain = "sender.example",
                        .sender = "tls@sender.example",
                        .default_policy_domain = {},
                        .min_tls = {}};

}  // namespace

TEST_CASE("the publisher of a list gets domains, policies and result types, and nothing else") {
  const outbound::PolicyOfDay sts{.policy = {.domain = "a.example",
                                             .record = "v=TLSRPTv1; rua=mailto:secret@a.example",
                                             .policy_type = "sts",
                                             .policy_domain = "a.example",
                                             .policy_strings = {"mode: enforce"},
                                             .mx_hosts = {"mx.secret.example"}},
                                  .day = day};
  outbound::PolicyOfDay tlsa = sts;
  tlsa.policy.policy_type = "tlsa";
  tlsa.policy.policy_domain = "mx.secret.example";
  outbound::PolicyOfDay strange = sts;
  strange.policy.domain = "b.example";
  strange.policy.policy_type = "any secret text";
  const outbound::Failure failure{.result_type = "certificate-expired",
                                  .sending_mta_ip = "192.0.2.77",
                                  .receiving_mx_hostname = "mx.secret.example",
                                  .receiving_mx_helo = "helo.secret.example",
                                  .receiving_ip = "192.0.2.78",
                                  .additional_information = "secret",
                                  .failure_reason_code = "secret"};
  outbound::Failure same = failure;
  same.receiving_ip = "192.0.2.79";
  OutboundExport all(day, reporter);
  all.add(sts, {.successful = 4, .failed = 3, .failures = {{failure, 2}, {same, 1}}});
  all.add(tlsa, {.successful = 1});
  all.add(strange, {.failed = 1, .failures = {{{.result_type = "a secret type"}, 1}}});
  const tlsrpt::Report report = std::move(all).take();
  REQUIRE(report.policies.size() == 3);
  CHECK(report.policies[0].policy_domain == "a.example");
  CHECK(report.policies[0].policy_type == "sts");
  CHECK(report.policies[0].successful_sessions == 4);
  REQUIRE(report.policies[0].failure_details.size() == 1);
  CHECK(report.policies[0].failure_details[0].failed_session_count == 3);
  CHECK(report.policies[1].policy_domain == "a.example");
  CHECK(report.policies[1].policy_type == "tlsa");
  CHECK(report.policies[2].policy_type == "no-policy-found");
  CHECK(report.policies[2].failure_details[0].result_type == "validation-failure");
  const std::string json = tlsrpt::to_json(report);
  CHECK_FALSE(json.contains("secret"));
  CHECK_FALSE(json.contains("192.0.2"));
}
