#include "report/self_report.h"

#include "support.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::session;
using namespace starttls::report;
using namespace starttls::test;
using session::Session;
using store::DailyCounts;

namespace {

const Day day = good(parse_day("2026-11-22"));
const Reporter reporter{
    .organization = "example.test", .contact = "postmaster@example.test", .host = "mx.example.test"};
const Time next_day = at("2026-11-23T00:00:00Z");

Session session_with(std::string_view tls, std::string_view address,
                     std::map<std::string, std::uint32_t> domains) {
  return {.begin = at("2026-11-22T10:00:00Z"),
          .receiving_mx = "mx.example.test",
          .client_address = std::string(address),
          .helo = "h",
          .tls_version = std::string(tls),
          .transactions = 1,
          .recipient_domains = std::move(domains)};
}

}  // namespace

TEST_CASE("encrypted sessions succeed, plaintext ones fail, each under its policy domain") {
  DailyCounts counts;
  add(counts, session_with("TLSv1.3", "192.0.2.1", {{"example.test", 1}, {"example.org", 1}}));
  add(counts, session_with("TLSv1.2", "192.0.2.2", {{"example.test", 1}}));
  add(counts, session_with("", "192.0.2.3", {{"example.test", 1}}));
  add(counts, session_with("", "192.0.2.3", {{"example.test", 0}}));
  const auto report = self_report(counts, day, next_day, reporter, std::nullopt);
  CHECK(to_rfc3339(report.head.begin) == "2026-11-22T00:00:00Z");
  CHECK(to_rfc3339(report.head.end) == "2026-11-22T23:59:59Z");
  REQUIRE(report.policies.size() == 2);
  CHECK(report.policies[0].policy_domain == "example.org");
  CHECK(report.policies[0].successful_sessions == 1);
  CHECK(report.policies[0].failed_sessions == 0);
  CHECK(report.policies[1].policy_domain == "example.test");
  CHECK(report.policies[1].successful_sessions == 2);
  CHECK(report.policies[1].failed_sessions == 2);
  REQUIRE(report.policies[1].failure_details.size() == 1);
  const auto& detail = report.policies[1].failure_details[0];
  CHECK(detail.result_type == "starttls-not-supported");
  CHECK(detail.sending_mta_ip == "192.0.2.3");
  CHECK(detail.receiving_mx_hostname == "mx.example.test");
  CHECK(detail.failed_session_count == 2);
}

TEST_CASE("one domain's report contains only that domain") {
  DailyCounts counts;
  add(counts, session_with("TLSv1.3", "192.0.2.1", {{"example.test", 1}, {"example.org", 1}}));
  const auto report = self_report(counts, day, next_day, reporter, "example.org");
  REQUIRE(report.policies.size() == 1);
  CHECK(report.policies[0].policy_domain == "example.org");
}

TEST_CASE("a report-id is a msg-id that differs by domain and unfinished day, and stays the same otherwise") {
  DailyCounts counts;
  add(counts, session_with("TLSv1.3", "192.0.2.1", {{"example.test", 1}, {"example.org", 1}}));
  const auto whole = self_report(counts, day, next_day, reporter, std::nullopt);
  CHECK(whole.head.report_id == "2026-11-22.inbound@mx.example.test");
  CHECK(self_report(counts, day, next_day + std::chrono::hours{5}, reporter, std::nullopt).head.report_id ==
        whole.head.report_id);
  CHECK(self_report(counts, day, at("2026-11-22T17:05:09Z"), reporter, std::nullopt).head.report_id ==
        "2026-11-22.until-170509.inbound@mx.example.test");
  const auto one = report_for(whole, whole.policies[0]);
  REQUIRE(one.policies.size() == 1);
  CHECK(one.policies[0].policy_domain == "example.org");
  CHECK(one.head.report_id == "example.org.2026-11-22.inbound@mx.example.test");
}

TEST_CASE("sessions without an accepted recipient and those of other days are in no report") {
  DailyCounts counts;
  add(counts, session_with("TLSv1.3", "192.0.2.1", {}));
  Session other_day = session_with("TLSv1.3", "192.0.2.1", {{"example.test", 1}});
  other_day.begin = at("2026-11-23T00:00:00Z");
  add(counts, other_day);
  CHECK(self_report(counts, day, next_day, reporter, std::nullopt).policies.empty());
}

namespace {

Session failed(session::HandshakeFailure failure, std::string_view address = "192.0.2.9") {
  Session session{.begin = at("2026-11-22T11:00:00Z"),
                  .receiving_mx = "mx.example.test",
                  .client_address = std::string(address),
                  .helo = "h"};
  session.failure = failure;
  return session;
}

}  // namespace

TEST_CASE("a failed handshake has the failure type for the reason of the sender") {
  using enum session::HandshakeFailure;
  const auto [failure, type] = GENERATE(table<session::HandshakeFailure, std::string>({
      {unknown_ca, "certificate-not-trusted"},
      {certificate_expired, "certificate-expired"},
      {bad_certificate, "certificate-host-mismatch"},
      {certificate_refused, "certificate-not-trusted"},
      {no_shared_cipher, "validation-failure"},
      {unsupported_protocol, "validation-failure"},
      {not_tls, "validation-failure"},
      {lost_connection, "validation-failure"},
      {disconnected, "validation-failure"},
      {other, "validation-failure"},
  }));
  DailyCounts counts;
  add(counts, failed(failure));
  add(counts, failed(failure));
  const auto report = self_report(counts, day, next_day, reporter, std::nullopt);
  REQUIRE(report.policies.size() == 1);
  CHECK(report.policies[0].failed_sessions == 2);
  REQUIRE(report.policies[0].failure_details.size() == 1);
  const auto& detail = report.policies[0].failure_details[0];
  CHECK(detail.result_type == type);
  CHECK(detail.sending_mta_ip == "192.0.2.9");
  CHECK(detail.receiving_mx_hostname == "mx.example.test");
  CHECK_FALSE(detail.failure_reason_code.empty());
}

TEST_CASE("a session without a recipient counts for the only domain that it can have been for") {
  const auto domain_of = [](const DailyCounts& counts, const Reporter& by) {
    for (const auto& policy : self_report(counts, day, next_day, by, std::nullopt).policies) {
      if (policy.failed_sessions > 0) return policy.policy_domain;
    }
    return std::string();
  };
  DailyCounts counts;
  add(counts, failed(session::HandshakeFailure::unknown_ca));
  CHECK(domain_of(counts, reporter) == "mx.example.test");
  add(counts, session_with("TLSv1.3", "192.0.2.1", {{"example.test", 1}}));
  CHECK(domain_of(counts, reporter) == "example.test");
  add(counts, session_with("TLSv1.3", "192.0.2.1", {{"example.org", 1}}));
  CHECK(domain_of(counts, reporter) == "mx.example.test");
  Reporter decided = reporter;
  decided.default_policy_domain = "example.org";
  CHECK(domain_of(counts, decided) == "example.org");
  CHECK(self_report(counts, day, next_day, decided, "example.test").policies[0].failed_sessions == 0);
}

TEST_CASE("a downgrade is distinguished from a sender that never used TLS") {
  DailyCounts counts;
  add(counts, session_with("", "192.0.2.3", {{"example.test", 1}}));
  add(counts, session_with("", "192.0.2.3", {{"example.test", 1}}), true);
  const auto report = self_report(counts, day, next_day, reporter, std::nullopt);
  REQUIRE(report.policies[0].failure_details.size() == 2);
  CHECK(report.policies[0].failure_details[0].failure_reason_code.starts_with("downgrade: "));
  CHECK(report.policies[0].failure_details[1].failure_reason_code.starts_with("plaintext: "));
}
