// Datagrams like those of Postfix 3.10, and what anybody could send instead.

#include "tlsrpt/datagram.h"

#include <string>

#include "base/text.h"
#include "support.h"

using namespace starttls;
using namespace starttls::test;
using namespace starttls::tlsrpt;

namespace {

const std::string success =
    R"({"dpv": "1","d":"example.org","pr":"v=TLSRPTv1; rua=mailto:tls@example.org","policies":[)"
    R"({"policy-type":2,"policy-domain":"example.org","policy-string":["version: STSv1","mode: enforce"],)"
    R"("mx-host":["mx.example.org"],"failure-details":[],"t":0,"f":0}]})";

std::string failing(const std::string& detail) {
  return R"({"d":"example.org","policies":[{"policy-type":1,"policy-domain":"mx.example.org","failure-details":[)" +
         detail + R"(],"t":1,"f":1}]})";
}

std::string complaint(const std::string& datagram) {
  const auto result = read_datagram(datagram);
  REQUIRE_FALSE(result);
  CHECK(result.error().fault == Fault::data);
  return result.error().message;
}

}  // namespace

TEST_CASE("a successful handshake") {
  const HandshakeResult result = good(read_datagram(success));
  CHECK(result.domain == "example.org");
  CHECK(result.record == "v=TLSRPTv1; rua=mailto:tls@example.org");
  REQUIRE(result.policies.size() == 1);
  const PolicyResult& policy = result.policies[0];
  CHECK(policy.policy_type == "sts");
  CHECK(policy.policy_domain == "example.org");
  CHECK(policy.policy_strings == std::vector<std::string>{"version: STSv1", "mode: enforce"});
  CHECK(policy.mx_hosts == std::vector<std::string>{"mx.example.org"});
  CHECK((policy.successful_sessions == 1 && policy.failed_sessions == 0));
  CHECK_FALSE(result.has_failed());
}

TEST_CASE("a failed handshake has its details, and of the reply to EHLO the host name") {
  const HandshakeResult result = good(read_datagram(failing(
      R"({"c":202,"s":"192.0.2.1","n":"mx.example.org","h":"mx1.example.org\r\nPIPELINING\r\nSTARTTLS","r":"192.0.2.2",)"
      R"("a":"name mismatch","f":"X509"})")));
  CHECK(result.has_failed());
  const PolicyResult& policy = result.policies.at(0);
  CHECK(policy.policy_type == "tlsa");
  CHECK((policy.successful_sessions == 0 && policy.failed_sessions == 1));
  REQUIRE(policy.failure_details.size() == 1);
  const FailureDetail& detail = policy.failure_details[0];
  CHECK(detail.result_type == "certificate-host-mismatch");
  CHECK(detail.sending_mta_ip == "192.0.2.1");
  CHECK(detail.receiving_mx_hostname == "mx.example.org");
  CHECK(detail.receiving_mx_helo == "mx1.example.org");
  CHECK(detail.receiving_ip == "192.0.2.2");
  CHECK(detail.additional_information == "name mismatch");
  CHECK(detail.failure_reason_code == "X509");
  CHECK(detail.failed_session_count == 1);
}

TEST_CASE("each code of libtlsrpt is a result type of RFC 8460, and any other is kept") {
  for (const auto& [code, type] :
       std::vector<std::pair<std::string, std::string>>{{"201", "starttls-not-supported"},
                                                        {"202", "certificate-host-mismatch"},
                                                        {"203", "certificate-not-trusted"},
                                                        {"204", "certificate-expired"},
                                                        {"205", "validation-failure"},
                                                        {"301", "sts-policy-fetch-error"},
                                                        {"302", "sts-policy-invalid"},
                                                        {"303", "sts-webpki-invalid"},
                                                        {"304", "tlsa-invalid"},
                                                        {"305", "dnssec-invalid"},
                                                        {"306", "dane-required"},
                                                        {"\"203\"", "certificate-not-trusted"},
                                                        {"299", "code-299"},
                                                        {"\"of-tomorrow\"", "of-tomorrow"},
                                                        {"-1", "-1"}}) {
    CAPTURE(code);
    CHECK(good(read_datagram(failing(R"({"c":)" + code + "}"))).policies[0].failure_details[0].result_type ==
          type);
  }
  for (const auto& [code, type] : std::vector<std::pair<std::string, std::string>>{
           {"1", "tlsa"}, {"2", "sts"}, {"9", "no-policy-found"}, {"3", "code-3"}}) {
    const std::string datagram = R"({"d":"a.test","policies":[{"policy-type":)" + code + "}]}";
    CHECK(good(read_datagram(datagram)).policies[0].policy_type == type);
  }
}

TEST_CASE("order, unknown members, absent ones and several policies") {
  const HandshakeResult result = good(read_datagram(
      R"({"policies":[{"f":1,"t":"1","new":{"deep":[1,{"d":"not.this"}]},"policy-type":"2","policy-domain":"B.test."},)"
      R"({"policy-type":9}],"x":[],"dpv":7,"d":"A.TEST."})"));
  CHECK(result.domain == "a.test");
  CHECK(result.record.empty());
  REQUIRE(result.policies.size() == 2);
  CHECK(result.policies[0].policy_domain == "b.test");
  CHECK(result.policies[0].failed_sessions == 1);
  CHECK(result.policies[1].successful_sessions == 1);
  const std::string one = R"({"d":"a.test","policies":{"policy-type":9,"failure-details":{"c":201}}})";
  CHECK(good(read_datagram(one)).has_failed());
}

TEST_CASE("of a reply to EHLO, the host name alone is kept") {
  for (const char* reply : {R"(250-mx1.example.org\r\n250 STARTTLS)", "250 mx1.example.org at your service",
                            "250-mx1.example.org", R"(mx1.example.org\r\nSTARTTLS)", "mx1.example.org"}) {
    CAPTURE(reply);
    const HandshakeResult result =
        good(read_datagram(failing(fmt::format(R"({{"c":205,"h":"{}"}})", reply))));
    CHECK(result.policies.at(0).failure_details.at(0).receiving_mx_helo == "mx1.example.org");
  }
}

TEST_CASE("bytes that are no UTF-8, and NUL, are escaped") {
  const HandshakeResult result = good(read_datagram(failing(
      "{\"c\":205,\"h\":\"mx\xff.test\\r\\nHELP \xc3\xa9\",\"f\":\"a\\u0000b\",\"a\":\"\xc3\xa9\"}")));
  const FailureDetail& detail = result.policies.at(0).failure_details.at(0);
  CHECK(detail.receiving_mx_helo == "mx\\xff.test");
  CHECK(detail.failure_reason_code == "a\\x00b");
  CHECK(detail.additional_information == "\xc3\xa9");
}

TEST_CASE("what is no result of a handshake is refused") {
  CHECK(complaint("").starts_with("no JSON"));
  CHECK(complaint("hello").starts_with("no JSON: at byte 0"));
  CHECK(complaint(success + "x").starts_with("no JSON"));
  CHECK(complaint(success.substr(0, success.size() - 1)).starts_with("no JSON"));
  CHECK(complaint("[]") == "is no object");
  CHECK(complaint("7") == "is no object");
  CHECK(complaint("{}") == "names no domain (\"d\")");
  CHECK(complaint(R"({"d":"","policies":[{}]})") == "names no domain (\"d\")");
  CHECK(complaint(R"({"d":"a.test","policies":[]})") == "has no policy (\"policies\")");
  CHECK(complaint(std::string(datagram_size_limit + 1, ' ')) ==
        fmt::format("larger than {} bytes", datagram_size_limit));
  CHECK(complaint(R"({"d":)" + std::string(60'000, '[')) == "nested deeper than 16 levels");
}

TEST_CASE("all that is kept is limited") {
  std::string many = R"({"d":"a.test","policies":[)";
  for (int i = 0; i < 100; ++i) many += std::string(i == 0 ? "" : ",") + R"({"policy-type":2})";
  CHECK(good(read_datagram(many + "]}")).policies.size() == max_datagram_policies);

  std::string details = R"({"c":201})";
  for (int i = 0; i < 100; ++i) details += R"(,{"c":201})";
  CHECK(good(read_datagram(failing(details))).policies[0].failure_details.size() == max_datagram_details);

  std::string hosts = "\"mx\"";
  for (int i = 0; i < 200; ++i) hosts += ",\"mx\"";
  const std::string datagram = R"({"d":"a.test","policies":[{"mx-host":[)" + hosts + "]}]}";
  CHECK(good(read_datagram(datagram)).policies[0].mx_hosts.size() == max_datagram_texts);

  const std::string longer = failing(R"({"c":201,"f":")" + std::string(5'000, 'x') + R"("})");
  CHECK(good(read_datagram(longer)).policies[0].failure_details[0].failure_reason_code.size() ==
        datagram_text_limit);
}

TEST_CASE("what is written is read as it was") {
  const FailureDetail known{.result_type = "certificate-expired",
                            .sending_mta_ip = "192.0.2.1",
                            .receiving_mx_hostname = "mx.example.org",
                            .receiving_mx_helo = "mx1.example.org",
                            .receiving_ip = "2001:db8::1",
                            .additional_information = "a \"quoted\" text",
                            .failure_reason_code = "Zertifikat\nungültig"};
  const FailureDetail unknown{.result_type = "another-word"};
  for (const HandshakeResult& result :
       {HandshakeResult{.domain = "example.org",
                        .record = "v=TLSRPTv1; rua=mailto:tls@example.org",
                        .policies = {{.policy_type = "sts",
                                      .policy_strings = {"version: STSv1", "mode: enforce"},
                                      .policy_domain = "example.org",
                                      .mx_hosts = {"mx.example.org", "*.example.net"},
                                      .failed_sessions = 1,
                                      .failure_details = {known, unknown}},
                                     {.policy_type = "a new one", .successful_sessions = 1}}},
        HandshakeResult{.domain = "example.org", .record = {}, .policies = {{.successful_sessions = 1}}}}) {
    const std::string written = to_datagram(result);
    INFO(written);
    CHECK_FALSE(written.contains('\n'));
    const HandshakeResult again = good(read_datagram(written));
    CHECK(to_datagram(again) == written);
    CHECK(again.domain == result.domain);
    CHECK(again.record == result.record);
    REQUIRE(again.policies.size() == result.policies.size());
    for (std::size_t i = 0; i < result.policies.size(); ++i) {
      const PolicyResult& policy = again.policies[i];
      CHECK(policy.policy_type == result.policies[i].policy_type);
      CHECK(policy.policy_strings == result.policies[i].policy_strings);
      CHECK(policy.policy_domain == result.policies[i].policy_domain);
      CHECK(policy.mx_hosts == result.policies[i].mx_hosts);
      CHECK(policy.successful_sessions == result.policies[i].successful_sessions);
      CHECK(policy.failed_sessions == result.policies[i].failed_sessions);
      REQUIRE(policy.failure_details.size() == result.policies[i].failure_details.size());
    }
  }
  const HandshakeResult failed = good(read_datagram(to_datagram(
      {.domain = "a.test", .record = {}, .policies = {{.failed_sessions = 1, .failure_details = {known}}}})));
  const FailureDetail& detail = failed.policies.at(0).failure_details.at(0);
  CHECK(detail.result_type == known.result_type);
  CHECK(detail.sending_mta_ip == known.sending_mta_ip);
  CHECK(detail.receiving_mx_hostname == known.receiving_mx_hostname);
  CHECK(detail.receiving_mx_helo == known.receiving_mx_helo);
  CHECK(detail.receiving_ip == known.receiving_ip);
  CHECK(detail.additional_information == known.additional_information);
  CHECK(detail.failure_reason_code == known.failure_reason_code);
}

TEST_CASE("a policy that is not known stays unknown") {
  for (const std::string& datagram :
       {std::string(R"({"d":"a.test","policies":[{"f":0}]})"),
        to_datagram(
            {.domain = "a.test", .record = {}, .policies = {{.policy_type = {}, .successful_sessions = 1}}})})
    CHECK(good(read_datagram(datagram)).policies.at(0).policy_type.empty());
}
