#include "collector/log_results.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
using mtalog::OutboundHandshake;
using mtalog::Protection;
using tlsrpt::HandshakeResult;
using tlsrpt::PolicyResult;

namespace {

OutboundHandshake handshake(Protection protection) {
  return {.time = at("2026-11-22T12:00:00Z"),
          .recipient_domain = "example.org",
          .receiving_mx = "mx.example.org",
          .receiving_ip = "192.0.2.1",
          .protection = protection,
          .tls_version = protection == Protection::none ? "" : "TLSv1.3",
          .failed = false,
          .result_type = {},
          .reason = {}};
}

PolicyResult policy_of(const OutboundHandshake& from) {
  const HandshakeResult result = collector::to_result(from);
  CHECK(result.domain == "example.org");
  CHECK(result.record.empty());
  REQUIRE(result.policies.size() == 1);
  // As it is read from the journal.
  const HandshakeResult again = good(tlsrpt::read_datagram(tlsrpt::to_datagram(result)));
  CHECK(again.policies.at(0).policy_type == result.policies[0].policy_type);
  return result.policies[0];
}

}  // namespace

TEST_CASE("a session with TLS is successful, and its policy is known only if none was applied") {
  for (const auto& [protection, type] : {std::pair{Protection::verified, ""},
                                         {Protection::trusted, ""},
                                         {Protection::unknown, ""},
                                         {Protection::untrusted, "no-policy-found"},
                                         {Protection::anonymous, "no-policy-found"}}) {
    CAPTURE(to_string(protection));
    const PolicyResult policy = policy_of(handshake(protection));
    CHECK(policy.policy_type == type);
    CHECK((policy.successful_sessions == 1 && policy.failed_sessions == 0));
    CHECK(policy.failure_details.empty());
  }
}

TEST_CASE("mail in plaintext is a failed session without policy") {
  const PolicyResult policy = policy_of(handshake(Protection::none));
  CHECK(policy.policy_type == "no-policy-found");
  CHECK((policy.successful_sessions == 0 && policy.failed_sessions == 1));
  REQUIRE(policy.failure_details.size() == 1);
  const tlsrpt::FailureDetail& detail = policy.failure_details[0];
  CHECK(detail.result_type == "starttls-not-supported");
  CHECK(detail.receiving_mx_hostname == "mx.example.org");
  CHECK(detail.receiving_ip == "192.0.2.1");
  CHECK(detail.failure_reason_code == "plaintext: the mail was sent without TLS");
}

TEST_CASE("a failed handshake has the words of the log, however far it got") {
  for (const Protection protection : {Protection::none, Protection::untrusted, Protection::verified}) {
    OutboundHandshake failed = handshake(protection);
    failed.failed = true;
    failed.result_type = "certificate-expired";
    failed.reason = "certificate has expired";
    const PolicyResult policy = policy_of(failed);
    CHECK(policy.policy_type.empty());
    CHECK((policy.successful_sessions == 0 && policy.failed_sessions == 1));
    REQUIRE(policy.failure_details.size() == 1);
    CHECK(policy.failure_details[0].result_type == "certificate-expired");
    CHECK(policy.failure_details[0].failure_reason_code == "certificate has expired");
    CHECK(policy.failure_details[0].receiving_mx_hostname == "mx.example.org");
    CHECK(policy.failure_details[0].failed_session_count == 1);
  }
}
