// Our own reports satisfy policies/tlsrpt-report-schema.json, and so RFC 8460 section 4.4.

#include "report/self_report.h"
#include "support.h"
#include "support/json_schema.h"
#include "tlsrpt/report.h"

using namespace starttls;
using namespace starttls::config;
using namespace starttls::session;
using namespace starttls::report;
using namespace starttls::test;
using session::HandshakeFailure;

namespace {

// The fault; "" if there is none.
std::string fault_of(const std::string& json) {
  return schema_fault(std::filesystem::path(STARTTLS_POLICIES) / "tlsrpt-report-schema.json", json);
}

const Time morning = at("2026-11-22T10:00:00Z");
const Reporter reporter{.organization = "Example",
                        .contact = "tls@example.test",
                        .host = "mx.example.test",
                        .min_tls = "TLSv1.2"};

}  // namespace

TEST_CASE("every kind of session makes a report that satisfies the schema") {
  store::DailyCounts counts;
  session::Session session{.begin = morning,
                           .receiving_mx = "mx.example.test",
                           .client_address = "192.0.2.1",
                           .helo = "h",
                           .transactions = 1,
                           .recipient_domains = {{"example.test", 1}, {"example.org", 1}}};
  for (const char* version : {"TLSv1.3", "TLSv1", ""}) {
    session.tls_version = version;
    for (const char* address : {"192.0.2.1", "2001:db8::1", ""}) {
      session.client_address = address;
      add(counts, session);
      add(counts, session, session.tls_version.empty());
    }
  }
  session.recipient_domains.clear();
  session.transactions = 0;
  for (int failure = 0; failure <= static_cast<int>(HandshakeFailure::other); ++failure) {
    session.failure = static_cast<HandshakeFailure>(failure);
    add(counts, session);
  }
  tlsrpt::Report report =
      self_report(counts, to_day(morning), at("2026-11-23T00:00:00Z"), reporter, std::nullopt);
  CHECK(report.policies.size() >= 2);
  CHECK(fault_of(to_json(report)).empty());
  set_policies(
      report,
      {{"example.test", {.type = "sts", .strings = {"version: STSv1"}, .mx_hosts = {"mx.example.test"}}},
       {"example.org", {.type = "tlsa", .strings = {"3 1 1 ab"}, .mx_hosts = {"mx.example.test"}}}});
  CHECK(fault_of(to_json(report)).empty());
  CHECK(fault_of(to_json(report_for(report, report.policies.front()))).empty());
}

TEST_CASE("a day without sessions makes a report without policies, and the schema finds faults") {
  tlsrpt::Report report =
      self_report({}, to_day(morning), at("2026-11-23T00:00:00Z"), reporter, std::nullopt);
  CHECK(fault_of(to_json(report)).empty());
  report.policies.push_back({.policy_type = "other", .policy_domain = "example.test"});
  CHECK(fault_of(to_json(report)) == "#/policies/0/policy/policy-type: enum");
}
