#include "tlsrpt/report.h"

#include <rapidjson/document.h>

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using tlsrpt::FailureDetail;
using tlsrpt::PolicyResult;
using tlsrpt::Report;

namespace {

Report full_report() {
  PolicyResult policy{.policy_type = "sts",
                      .policy_strings = {"version: STSv1", "mode: testing"},
                      .policy_domain = "example.test",
                      .mx_hosts = {"*.example.test"},
                      .successful_sessions = 5326,
                      .failed_sessions = 3};
  policy.failure_details.push_back({.result_type = "certificate-expired",
                                    .sending_mta_ip = "192.0.2.1",
                                    .receiving_mx_hostname = "mx.example.test",
                                    .failed_session_count = 3});
  return {.head = {.organization_name = "Example \"Org\"",
                   .begin = at("2026-11-22T00:00:00Z"),
                   .end = at("2026-11-22T23:59:59Z"),
                   .contact_info = "postmaster@example.test",
                   .report_id = "id-1"},
          .policies = {policy}};
}

rapidjson::Document parsed(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.c_str());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

}  // namespace

TEST_CASE("a report has the members that RFC 8460 section 4.4 names, in its types") {
  const auto json = parsed(to_json(full_report()));
  CHECK(json["organization-name"] == "Example \"Org\"");
  CHECK(json["date-range"]["start-datetime"] == "2026-11-22T00:00:00Z");
  CHECK(json["date-range"]["end-datetime"] == "2026-11-22T23:59:59Z");
  CHECK(json["contact-info"] == "postmaster@example.test");
  CHECK(json["report-id"] == "id-1");
  const auto& element = json["policies"][0];
  CHECK(element["policy"]["policy-type"] == "sts");
  CHECK(element["policy"]["policy-string"][1] == "mode: testing");
  CHECK(element["policy"]["policy-domain"] == "example.test");
  CHECK(element["policy"]["mx-host"][0] == "*.example.test");
  CHECK(element["summary"]["total-successful-session-count"].GetUint64() == 5326);
  CHECK(element["summary"]["total-failure-session-count"].GetUint64() == 3);
  const auto& detail = element["failure-details"][0];
  CHECK(detail["result-type"] == "certificate-expired");
  CHECK(detail["sending-mta-ip"] == "192.0.2.1");
  CHECK(detail["receiving-mx-hostname"] == "mx.example.test");
  CHECK(detail["failed-session-count"].GetUint64() == 3);
}

TEST_CASE("an unknown value is left out, and never empty") {
  Report report = full_report();
  report.head.organization_name = "Example";
  report.policies = {PolicyResult{.policy_domain = "example.test", .successful_sessions = 1}};
  const std::string text = to_json(report);
  const auto json = parsed(text);
  const auto& element = json["policies"][0];
  CHECK(element["policy"]["policy-type"] == "no-policy-found");
  CHECK_FALSE(element["policy"].HasMember("policy-string"));
  CHECK_FALSE(element["policy"].HasMember("mx-host"));
  CHECK_FALSE(element.HasMember("failure-details"));
  CHECK(text.find("\"\"") == std::string::npos);
}

TEST_CASE("a report file is named after the sender, the policy domain and the times") {
  const Time begin = at("2026-11-22T00:00:00Z");
  const Time end = at("2026-11-22T23:59:59Z");
  CHECK(tlsrpt::file_name("mx.example.org", "example.test", begin, end, true) ==
        "mx.example.org!example.test!1795305600!1795391999.json.gz");
  CHECK(tlsrpt::file_name("a", "b", begin, end, false) == "a!b!1795305600!1795391999.json");
}
