#include "report/outbound_report.h"

#include "report/report_decision.h"
#include "support.h"

using namespace starttls;
using namespace starttls::report;
using namespace starttls::test;
using outbound::Failure;
using outbound::PolicyCount;
using outbound::PolicyOfDay;

namespace {

const Day day = good(parse_day("2026-11-22"));
const Reporter reporter{.organization = "Sender Ltd.",
                        .contact = "tls@sender.example",
                        .host = "out.sender.example",
                        .domain = "sender.example",
                        .sender = "tls@sender.example",
                        .default_policy_domain = {},
                        .min_tls = {}};
const std::string record = "v=TLSRPTv1; rua=mailto:a@example.org";

PolicyOfDay sts_of(const std::string& domain, const std::string& with_record = record) {
  return {.policy = {.domain = domain,
                     .record = with_record,
                     .policy_type = "sts",
                     .policy_domain = domain,
                     .policy_strings = {"version: STSv1", "mode: enforce"},
                     .mx_hosts = {"mx." + domain}},
          .day = day};
}

PolicyOfDay tlsa_of(const std::string& domain, const std::string& host) {
  PolicyOfDay of = sts_of(domain);
  of.policy.policy_type = "tlsa";
  of.policy.policy_domain = host;
  of.policy.policy_strings = {"3 1 1 ab"};
  return of;
}

using Results = std::vector<std::pair<PolicyOfDay, PolicyCount>>;

std::vector<OutboundReport> reports_of(const Results& results) {
  std::vector<OutboundReport> reports;
  OutboundReportMaker maker(day, reporter, [&](OutboundReport&& report) -> Result<void> {
    reports.push_back(std::move(report));
    return {};
  });
  for (const auto& [of, count] : results) good(maker.add(of, count));
  good(maker.finish());
  return reports;
}

OutboundReport report_to(const std::string& domain, const std::string& with_record, std::uint64_t sessions) {
  return {.domain = domain, .record = with_record, .successful = sessions, .sessions_of_domain = sessions};
}

std::vector<std::string> uris_of(const Decision& decision) {
  std::vector<std::string> uris;
  for (const tlsrpt::Destination& one : decision.destinations) uris.push_back(one.uri());
  return uris;
}

}  // namespace

TEST_CASE("each domain gets one report, with every policy under which it had sessions") {
  const Failure mismatch{.result_type = "certificate-host-mismatch", .receiving_mx_hostname = "mx.a.example"};
  const auto reports =
      reports_of({{sts_of("a.example"), {.successful = 2, .failed = 1, .failures = {{mismatch, 1}}}},
                  {tlsa_of("a.example", "mx.a.example"), {.successful = 5}},
                  {sts_of("b.example"), {.successful = 1}}});
  REQUIRE(reports.size() == 2);
  const OutboundReport& first = reports[0];
  CHECK(first.domain == "a.example");
  CHECK(first.successful == 7);
  CHECK(first.failed == 1);
  CHECK(first.report.head.report_id.ends_with(".a.example.2026-11-22.outbound@out.sender.example"));
  CHECK(first.report.head.organization_name == "Sender Ltd.");
  CHECK(to_rfc3339(first.report.head.begin) == "2026-11-22T00:00:00Z");
  CHECK(to_rfc3339(first.report.head.end) == "2026-11-22T23:59:59Z");
  REQUIRE(first.report.policies.size() == 2);
  CHECK(first.report.policies[0].policy_type == "sts");
  CHECK(first.report.policies[0].policy_domain == "a.example");
  REQUIRE(first.report.policies[0].failure_details.size() == 1);
  CHECK(first.report.policies[0].failure_details[0].result_type == "certificate-host-mismatch");
  // For DANE, the TLSA base domain.
  CHECK(first.report.policies[1].policy_domain == "mx.a.example");
  CHECK(reports[1].domain == "b.example");
  CHECK(first.unknown_policies.empty());
}

TEST_CASE("results of the same policy are added up, whatever their source") {
  PolicyOfDay from_log = sts_of("a.example");
  from_log.policy.source = outbound::Source::log;
  const auto reports = reports_of({{sts_of("a.example"), {.successful = 2}},
                                   {from_log, {.successful = 3}},
                                   {sts_of("a.example"), {.failed = 1}}});
  REQUIRE(reports.size() == 1);
  REQUIRE(reports[0].report.policies.size() == 1);
  CHECK(reports[0].report.policies[0].successful_sessions == 5);
  CHECK(reports[0].report.policies[0].failed_sessions == 1);
}

TEST_CASE("a domain whose record changed during the day gets a report for each record") {
  const std::string other = "v=TLSRPTv1; rua=mailto:b@example.org";
  const auto reports =
      reports_of({{sts_of("a.example"), {.successful = 2}}, {sts_of("a.example", other), {.successful = 3}}});
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].record == record);
  CHECK(reports[0].successful == 2);
  CHECK(reports[1].record == other);
  CHECK(reports[0].unique_id != reports[1].unique_id);
  CHECK(reports[0].report.head.report_id != reports[1].report.head.report_id);
}

TEST_CASE("the report-id of a record is the same when results under another record arrive later") {
  const auto early = reports_of({{sts_of("a.example"), {.successful = 2}}});
  const auto late =
      reports_of({{sts_of("a.example"), {.successful = 2}},
                  {sts_of("a.example", "v=TLSRPTv1; rua=mailto:b@example.org"), {.successful = 1}}});
  REQUIRE(late.size() == 2);
  CHECK(late[0].report.head.report_id == early[0].report.head.report_id);
  CHECK(late[1].report.head.report_id != early[0].report.head.report_id);
}

TEST_CASE("results whose record is not known belong to the only one that the domain had") {
  const PolicyOfDay unknown{.policy = {.domain = "a.example"}, .day = day};
  const auto one = reports_of({{unknown, {.successful = 5}}, {sts_of("a.example"), {.successful = 2}}});
  REQUIRE(one.size() == 1);
  CHECK(one[0].record == record);
  CHECK(one[0].successful == 7);
  CHECK(one[0].unknown_policies.size() == 1);
  const auto several =
      reports_of({{unknown, {.successful = 5}},
                  {sts_of("a.example"), {.successful = 2}},
                  {sts_of("a.example", "v=TLSRPTv1; rua=mailto:b@example.org"), {.successful = 1}}});
  CHECK(several.size() == 3);
  CHECK(several[0].record.empty());
  CHECK(several[0].sessions_of_domain == 8);
}

TEST_CASE("a policy that is looked up is set only where none was known, and joined with the same one") {
  const Failure expired{.result_type = "certificate-expired", .receiving_mx_hostname = "mx.a.example"};
  const Failure other{.result_type = "certificate-expired", .receiving_mx_hostname = "mx2.a.example"};
  PolicyOfDay none = sts_of("a.example");
  none.policy.policy_type = "no-policy-found";
  none.policy.policy_strings.clear();
  none.policy.mx_hosts.clear();
  const PolicyOfDay unknown{.policy = {.domain = "a.example", .policy_domain = "a.example"}, .day = day};
  auto reports =
      reports_of({{unknown, {.successful = 1, .failed = 3, .failures = {{expired, 1}, {other, 2}}}},
                  {none, {.successful = 10}},
                  {sts_of("a.example"), {.successful = 100, .failed = 4, .failures = {{expired, 4}}}}});
  REQUIRE(reports.size() == 1);
  set_policy(reports[0], {.type = "sts",
                          .strings = {"version: STSv1", "mode: enforce"},
                          .mx_hosts = {"mx.a.example"},
                          .error = {}});
  CHECK(reports[0].unknown_policies.empty());
  const auto& policies = reports[0].report.policies;
  REQUIRE(policies.size() == 2);
  const auto& sts = policies[policies[0].policy_type == "sts" ? 0 : 1];
  CHECK(sts.successful_sessions == 101);
  CHECK(sts.failed_sessions == 7);
  REQUIRE(sts.failure_details.size() == 2);
  CHECK(sts.failure_details[0].failed_session_count + sts.failure_details[1].failed_session_count == 7);
  const auto& found_none = policies[policies[0].policy_type == "sts" ? 1 : 0];
  CHECK(found_none.policy_type == "no-policy-found");
  CHECK(found_none.successful_sessions == 10);
}

TEST_CASE("a result without policy and record is reported, and says that they are not known") {
  PolicyOfDay of{.policy = {.domain = "a.example"}, .day = day};
  const auto reports = reports_of({{of, {.failed = 1, .failures = {{Failure{}, 1}}}}});
  REQUIRE(reports.size() == 1);
  CHECK(reports[0].unknown_policies == std::vector<std::size_t>{0});
  CHECK(reports[0].record.empty());
  CHECK(reports[0].report.policies[0].policy_domain == "a.example");
  CHECK(reports[0].report.policies[0].policy_type == "no-policy-found");
  CHECK(reports[0].report.policies[0].failure_details[0].result_type == "validation-failure");
}

TEST_CASE("a report goes where the record said when the mail was sent") {
  const Decision decision =
      decide(report_to("a.example", "v=TLSRPTv1; rua=mailto:a@example.org,https://r.example.org/x", 3), {});
  CHECK(decision.status == ReportStatus::reported);
  CHECK(uris_of(decision) == std::vector<std::string>{"mailto:a@example.org", "https://r.example.org/x"});
  const Decision unknown = decide(report_to("a.example", "", 3), {});
  CHECK(unknown.status == ReportStatus::reported);
  CHECK(unknown.destinations.empty());
}

TEST_CASE("a record that names no usable destination gets no report") {
  for (const char* text :
       {"v=TLSRPTv1", "v=TLSRPTv1; rua=ftp://x.example/", "v=TLSRPTv2; rua=mailto:a@b.example", "x"})
    CHECK(decide(report_to("a.example", text, 3), {}).status == ReportStatus::no_record);
}

TEST_CASE("the configuration goes before the record") {
  DestinationFacts facts;
  facts.overrides["a.example"] = {good(tlsrpt::parse_destination("mailto:ours@sender.example"))};
  facts.overrides["b.example"] = {};
  CHECK(uris_of(decide(report_to("a.example", record, 3), facts)) ==
        std::vector<std::string>{"mailto:ours@sender.example"});
  CHECK(decide(report_to("b.example", record, 3), facts).status == ReportStatus::no_destination);
  CHECK(decide(report_to("c.example", record, 3), facts).status == ReportStatus::reported);
}

TEST_CASE("what is no domain name gets no report") {
  for (const char* name : {"[192.0.2.1]", "../../etc/passwd", "a b.example", "a\nb.example"})
    CHECK(decide(report_to(name, record, 3), {}).status == ReportStatus::no_domain);
}

TEST_CASE("addresses from which mail came back get none, the other destinations do") {
  const DestinationFacts facts{.overrides = {}, .mails_sent = {}, .suppressed = {"a@example.org"}};
  CHECK(decide(report_to("a.example", record, 3), facts).status == ReportStatus::suppressed);
  const std::string two = "v=TLSRPTv1; rua=mailto:A@Example.org,mailto:b@example.org";
  CHECK(uris_of(decide(report_to("a.example", two, 3), facts)) ==
        std::vector<std::string>{"mailto:b@example.org"});
}

TEST_CASE("there are no reports about reports") {
  const DestinationFacts facts{.overrides = {}, .mails_sent = {{"a.example", 2}}, .suppressed = {}};
  CHECK(decide(report_to("a.example", record, 2), facts).status == ReportStatus::only_our_reports);
  CHECK(decide(report_to("a.example", record, 3), facts).status == ReportStatus::reported);
  CHECK(decide(report_to("b.example", record, 1), facts).status == ReportStatus::reported);
  // The sessions under all records of a domain count together.
  OutboundReport part = report_to("a.example", record, 1);
  part.sessions_of_domain = 3;
  CHECK(decide(part, facts).status == ReportStatus::reported);
}
