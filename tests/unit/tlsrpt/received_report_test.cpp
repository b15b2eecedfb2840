#include "tlsrpt/received_report.h"

#include "support.h"
#include "tlsrpt/gzip.h"

using namespace starttls;
using namespace starttls::tlsrpt;
using namespace starttls::test;

namespace {

struct Received {
  Result<ReportReading> reading;
  std::vector<PolicyResult> policies;
};

constexpr std::size_t first_piece = 16'000;  // bytes that read_report() reads before the first policy

// The same report in memory gives the same result.
void check_in_place(std::string json, const Received& streamed) {
  Received in_place;
  in_place.reading = read_report_in_place(
      json, [&](PolicyResult&& policy) { in_place.policies.push_back(std::move(policy)); },
      [size = json.size()] { return std::uint64_t{size}; });
  REQUIRE(in_place.reading.has_value() == streamed.reading.has_value());
  if (!in_place.reading) {
    CHECK(in_place.reading.error().message == streamed.reading.error().message);
    return;
  }
  CHECK(to_json({.head = in_place.reading->head, .policies = in_place.policies}) ==
        to_json({.head = streamed.reading->head, .policies = streamed.policies}));
  CHECK(in_place.reading->warnings == streamed.reading->warnings);
}

Received received(std::string_view json) {
  Received streamed;
  streamed.reading = read_report(
      byte_reader(json), [&](PolicyResult&& policy) { streamed.policies.push_back(std::move(policy)); });
  if (json.size() <= first_piece) check_in_place(std::string(json), streamed);
  return streamed;
}

// A report of 2026-11-22 with these policies.
std::string report_of(std::string_view policies) {
  return fmt::format(R"({{"organization-name": "Sender", "contact-info": "tls@sender.test", "report-id": "r1",
    "date-range": {{"start-datetime": "2026-11-22T00:00:00Z", "end-datetime": "2026-11-22T23:59:59Z"}},
    "policies": {}}})",
                     policies);
}

std::string dated(std::string_view start, std::string_view end) {
  return fmt::format(R"({{"date-range": {{"start-datetime": "{}", "end-datetime": "{}"}}, "policies": []}})",
                     start, end);
}

// "BEGIN END", or the reason for the refusal.
std::string range_of(std::string_view start, std::string_view end) {
  const auto reading = received(dated(start, end)).reading;
  if (!reading) return reading.error().message;
  return to_rfc3339(reading->head.begin) + " " + to_rfc3339(reading->head.end);
}

std::string refusal_of(std::string_view json) {
  const Error error = bad(received(json).reading);
  CHECK(error.fault == Fault::data);
  return error.message;
}

}  // namespace

TEST_CASE("a report in the form of RFC 8460 is read completely") {
  const auto [reading, policies] = received(report_of(R"([{
    "policy": {"policy-type": "sts", "policy-string": ["version: STSv1", "mode: testing"],
               "policy-domain": "a.test", "mx-host": ["*.mail.a.test"]},
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
    "failure-details": [
      {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:12::1",
       "receiving-mx-hostname": "mx1.mail.a.test", "failed-session-count": 100},
      {"result-type": "starttls-not-supported", "sending-mta-ip": "192.0.2.1", "receiving-ip": "203.0.113.56",
       "receiving-mx-helo": "mx2.a.test", "failed-session-count": 203, "additional-information": "https://r.test/x",
       "failure-reason-code": "none"}]}])"));
  REQUIRE(reading);
  CHECK(reading->head.organization_name == "Sender");
  CHECK(reading->head.contact_info == "tls@sender.test");
  CHECK(reading->head.report_id == "r1");
  CHECK(to_rfc3339(reading->head.begin) == "2026-11-22T00:00:00Z");
  CHECK(to_rfc3339(reading->head.end) == "2026-11-22T23:59:59Z");
  CHECK(reading->warnings.empty());
  REQUIRE(policies.size() == 1);
  const PolicyResult& policy = policies.front();
  CHECK(policy.policy_type == "sts");
  CHECK(policy.policy_strings == std::vector<std::string>{"version: STSv1", "mode: testing"});
  CHECK(policy.policy_domain == "a.test");
  CHECK(policy.mx_hosts == std::vector<std::string>{"*.mail.a.test"});
  CHECK(policy.successful_sessions == 5326);
  CHECK(policy.failed_sessions == 303);
  REQUIRE(policy.failure_details.size() == 2);
  CHECK(policy.failure_details[0].result_type == "certificate-expired");
  CHECK(policy.failure_details[0].receiving_mx_hostname == "mx1.mail.a.test");
  const FailureDetail& last = policy.failure_details[1];
  CHECK(last.sending_mta_ip == "192.0.2.1");
  CHECK(last.receiving_ip == "203.0.113.56");
  CHECK(last.receiving_mx_helo == "mx2.a.test");
  CHECK(last.failed_session_count == 203);
  CHECK(last.additional_information == "https://r.test/x");
  CHECK(last.failure_reason_code == "none");
}

TEST_CASE("a report that we write is read with the same values") {
  Report report{
      .head = {.organization_name = "Örg",
               .begin = at("2026-11-22T00:00:00Z"),
               .end = at("2026-11-22T23:59:59Z"),
               .contact_info = "c@a.test",
               .report_id = "2026-11-22!a.test"},
      .policies = {{.policy_strings = {"x"},
                    .policy_domain = "a.test",
                    .mx_hosts = {"mx.a.test"},
                    .successful_sessions = 7,
                    .failed_sessions = 1,
                    .failure_details = {{.result_type = "validation-failure", .failed_session_count = 1}}}}};
  const auto [reading, policies] = received(to_json(report));
  REQUIRE(reading);
  CHECK(to_json({.head = reading->head, .policies = policies}) == to_json(report));
}

TEST_CASE("dates are read with and without a zone and a time") {
  CHECK(range_of("2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z") ==
        "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z");
  CHECK(range_of("2026-11-22T02:00:00+02:00", "2026-11-22T23:59:59.999Z") ==
        "2026-11-22T00:00:00Z 2026-11-22T23:59:59.999Z");
  CHECK(range_of("2026-11-22T00:00:00", "2026-11-22T23:59:59") ==
        "2026-11-22T00:00:00Z 2026-11-22T23:59:59Z");
  CHECK(range_of("2026-11-22 00:00:00", " 2026-11-22 23:59:59Z ") ==
        "2026-11-22T00:00:00Z 2026-11-22T23:59:59Z");
  CHECK(range_of("2026-11-22", "2026-11-22") == "2026-11-22T00:00:00Z 2026-11-22T23:59:59Z");
  CHECK(range_of("2026-11-22", "2026-11-23") == "2026-11-22T00:00:00Z 2026-11-23T00:00:00Z");
  CHECK(range_of("yesterday", "2026-11-22") == R"(start-datetime "yesterday" is no time)");
  CHECK(range_of("2026-11-22", "") == R"(end-datetime "" is no time)");
  CHECK(range_of("2026-11-22", "2026-11-21") ==
        "ends at 2026-11-21T00:00:00Z, before it begins at 2026-11-22T00:00:00Z");
}

TEST_CASE("policies that are one object, empty, null or absent are no fault") {
  const auto one = received(report_of(R"({"policy": {"policy-type": "tlsa", "policy-domain": "a.test",
    "policy-string": "3 1 1 ab", "mx-host": "mx.a.test"}, "failure-details": {"result-type": "tlsa-invalid",
    "failed-session-count": "3"}, "summary": {"total-successful-session-count": " 12 "}})"));
  REQUIRE(one.reading);
  CHECK(one.reading->warnings.empty());
  REQUIRE(one.policies.size() == 1);
  CHECK(one.policies[0].policy_strings == std::vector<std::string>{"3 1 1 ab"});
  CHECK(one.policies[0].mx_hosts == std::vector<std::string>{"mx.a.test"});
  CHECK(one.policies[0].successful_sessions == 12);
  REQUIRE(one.policies[0].failure_details.size() == 1);
  CHECK(one.policies[0].failure_details[0].failed_session_count == 3);
  for (const char* none : {"[]", "null", R"("")"}) {
    const auto [reading, policies] = received(report_of(none));
    CAPTURE(none);
    REQUIRE(reading);
    CHECK(reading->warnings.empty());
    CHECK(policies.empty());
  }
  const auto empty = received(report_of("{}"));
  REQUIRE(empty.reading);
  CHECK(empty.policies.empty());
  CHECK(empty.reading->warnings == std::vector<std::string>{"a policy that says nothing"});
  const auto absent = received(
      R"({"date-range": {"start-datetime": "2026-11-22", "end-datetime": "2026-11-22"}, "contact-info": null})");
  REQUIRE(absent.reading);
  CHECK(absent.reading->head.contact_info.empty());
  CHECK(absent.reading->warnings == std::vector<std::string>{"no policies"});
}

TEST_CASE("missing and unknown values are kept as they are") {
  const auto [reading, policies] = received(report_of(R"([
    {"policy": {"policy-type": "no-policy-found"}, "summary": {"total-failure-session-count": 1}, "x": [{"y": [1]}]},
    {"policy": {"policy-type": "dnssec2", "policy-domain": "a.test"},
     "failure-details": [{"result-type": "new-type", "failure-reason-code": "free text: 250-mx\r\n250 OK"}, {"receiving-ip": "::1"}, {}, null]}])"));
  REQUIRE(reading);
  REQUIRE(policies.size() == 2);
  CHECK(policies[0].policy_domain.empty());
  CHECK(policies[0].failed_sessions == 1);
  CHECK(policies[1].policy_type == "dnssec2");
  REQUIRE(policies[1].failure_details.size() == 2);
  CHECK(policies[1].failure_details[0].result_type == "new-type");
  CHECK(policies[1].failure_details[0].failure_reason_code == "free text: 250-mx\r\n250 OK");
  CHECK(policies[1].failure_details[1].receiving_ip == "::1");
  CHECK(reading->warnings == std::vector<std::string>{"a failure detail that says nothing"});
}

TEST_CASE("a count that is no number counts as 0, which is reported once") {
  for (const char* count : {"-1", "1.5", "1e-3", R"("1 000")", R"("many")", R"("")"}) {
    const auto [reading, policies] = received(report_of(fmt::format(
        R"([{{"policy": {{"policy-type": "sts"}}, "summary": {{"total-successful-session-count": {0},
           "total-failure-session-count": 2}}}}, {{"policy": {{"policy-type": "sts"}},
           "summary": {{"total-successful-session-count": {0}}}}}])",
        count)));
    CAPTURE(count);
    REQUIRE(reading);
    REQUIRE(policies.size() == 2);
    CHECK(policies[0].successful_sessions == 0);
    CHECK(policies[0].failed_sessions == 2);
    REQUIRE(reading->warnings.size() == 1);
    CHECK(reading->warnings[0].ends_with("is no number of sessions, and counts as 0"));
  }
}

TEST_CASE("a count above the maximum counts as the maximum") {
  for (const char* count : {"1000000000001", "9223372036854775808", "18446744073709551615",
                            "18446744073709551616", "1e99", "\"1000000000001\""}) {
    const auto [reading, policies] = received(report_of(fmt::format(
        R"([{{"policy": {{"policy-type": "sts"}}, "summary": {{"total-successful-session-count": {}}}}}])",
        count)));
    CAPTURE(count);
    REQUIRE(reading);
    REQUIRE(policies.size() == 1);
    CHECK(policies[0].successful_sessions == max_reported_sessions);
    REQUIRE(reading->warnings.size() == 1);
    CHECK(reading->warnings[0].ends_with("is too large, and counts as 1000000000000"));
  }
}

TEST_CASE("texts are valid UTF-8 without NUL, and of limited length") {
  const auto [reading, policies] =
      received(report_of("[{\"policy\": {\"policy-type\": \"sts\", \"policy-domain\": \"a\xFF"
                         "b\","
                         " \"mx-host\": \"m\\u0000x\", \"policy-string\": \"" +
                         std::string(report_text_limit - 1, 'x') + "\xC3\xA9\"}}]"));
  REQUIRE(reading);
  REQUIRE(policies.size() == 1);
  CHECK(policies[0].policy_domain == R"(a\xffb)");
  CHECK(policies[0].mx_hosts[0] == R"(m\x00x)");
  CHECK(policies[0].policy_strings[0] == std::string(report_text_limit - 1, 'x'));
  CHECK(reading->warnings == std::vector<std::string>{"policy-domain is not valid UTF-8 without NUL",
                                                      "mx-host is not valid UTF-8 without NUL",
                                                      "policy-string is cut after 4096 bytes"});
}

TEST_CASE("a document that is no report is refused with the reason") {
  CHECK(refusal_of("") == "no JSON, at byte 0: The document is empty.");
  CHECK(refusal_of("<html>") == "no JSON, at byte 0: Invalid value.");
  CHECK(refusal_of("[]") == "no report: the JSON is no object");
  CHECK(refusal_of("7") == "no report: the JSON is no object");
  CHECK(refusal_of("{}") == "no report: neither date-range nor policies");
  CHECK(refusal_of(R"({"policies": []})") == R"(start-datetime "" is no time)");
  CHECK(refusal_of(report_of("[]") + "x") == "no JSON, at byte " + std::to_string(report_of("[]").size()) +
                                                 ": The document root must not be followed by other values.");
  CHECK(refusal_of(report_of("[]") + std::string(1, '\0') + "{}") ==
        "something follows the end of the JSON, at byte " + std::to_string(report_of("[]").size()));
  CHECK(refusal_of(std::string(1'000'000, '[')) == "no report: the JSON is no object");
  CHECK(refusal_of(report_of(std::string(1'000'000, '['))) == "nested deeper than 32 levels");
  CHECK(received("\xEF\xBB\xBF" + report_of("[]")).reading);
}

TEST_CASE("a hundred thousand policies are passed on one by one") {
  std::string policies = "[";
  for (int number = 0; number < 100'000; ++number) {
    policies += fmt::format(R"({}{{"policy": {{"policy-type": "sts", "policy-domain": "d{}.test"}}}})",
                            number == 0 ? "" : ",", number);
  }
  std::size_t given = 0;
  std::string last;
  const std::string json = report_of(policies + "]");
  const auto reading = read_report(byte_reader(json), [&](PolicyResult&& policy) {
    ++given;
    last = policy.policy_domain;
  });
  REQUIRE(reading);
  CHECK(given == 100'000);
  CHECK(last == "d99999.test");
}

TEST_CASE("a report that arrives byte by byte gives the same result") {
  const std::string json = "\xEF\xBB\xBF" + report_of(R"([{"policy": {"policy-domain": "a.test"}}])");
  std::size_t at = 0;
  const ReadBytes slowly = [&](std::span<char> into) -> Result<std::size_t> {
    if (at == json.size()) return 0;
    into[0] = json[at++];
    return 1;
  };
  std::vector<std::string> domains;
  const auto reading = good(read_report(
      slowly, [&](PolicyResult&& policy) { domains.push_back(std::move(policy.policy_domain)); }));
  CHECK(reading.head.report_id == "r1");
  CHECK(domains == std::vector<std::string>{"a.test"});
}

TEST_CASE("a text that cannot be read completely is no report, and the reason is reported") {
  const std::string json = report_of("[]");
  ReadBytes begin = byte_reader(std::string_view(json).substr(0, json.size() - 1));
  const ReadBytes breaking = [&](std::span<char> into) -> Result<std::size_t> {
    const auto size = begin(into);
    return size && *size == 0 ? fail(Fault::io, "the disk is broken") : size;
  };
  const auto reading = read_report(breaking, [](PolicyResult&&) {});
  CHECK(bad(reading).message == "the disk is broken");
}

TEST_CASE("a text without an end is refused before it takes much memory") {
  std::uint64_t given = 0;
  ReadBytes begin = byte_reader(R"({"x": ")");
  const ReadBytes endless = [&](std::span<char> into) -> Result<std::size_t> {
    if (const auto got = begin(into); *got > 0) return got;
    for (std::size_t at = 0; at < into.size(); ++at) into[at] = (given + at) % 2 == 0 ? '\\' : '"';
    given += into.size();
    return into.size();
  };
  CHECK(bad(read_report(endless, [](PolicyResult&&) {})).message == "a text of more than 1048576 bytes");
  CHECK(given < (4U << 20U));
}

TEST_CASE("a report over the size limit is refused") {
  std::uint64_t given = 0;
  const ReadBytes blanks = [&](std::span<char> into) -> Result<std::size_t> {
    std::ranges::fill(into, ' ');
    given += into.size();
    return into.size();
  };
  const auto reading = read_report(blanks, [](PolicyResult&&) {});
  CHECK(bad(reading).message == "more than 268435456 bytes of JSON");
  CHECK(given < report_size_limit + (1U << 20U));
}

TEST_CASE("too many failure details cause the refusal of the report") {
  std::string details = R"([{"result-type": "x"})";
  for (std::size_t number = 0; number < max_details; ++number) details += R"(,{"result-type": "x"})";
  CHECK(refusal_of(report_of(R"([{"failure-details": )" + details + "]}]")) ==
        "more than 100000 failure details of one policy");
}

TEST_CASE("half a byte-order mark is no JSON") {
  CHECK(bad(received("\xEF.\xBB\xBF").reading).message == "no JSON, at byte 0: Invalid value.");
}

namespace {

// The result for a report of this received size.
Received received_as(std::string_view json, std::uint64_t size) {
  Received all;
  all.reading = read_report(
      byte_reader(json), [&](PolicyResult&& policy) { all.policies.push_back(std::move(policy)); },
      [&] { return size; });
  return all;
}

std::string policies_of(std::size_t count, const std::string& policy) {
  std::string policies = "[" + policy;
  for (std::size_t number = 1; number < count; ++number) policies += "," + policy;
  return report_of(policies + "]");
}

}  // namespace

TEST_CASE("texts that only explain are kept in proportion to the received size") {
  const std::string text(4'000, 'x');
  const std::string json = policies_of(
      100, R"({"policy": {"policy-type": "sts", "policy-domain": "a.test", "policy-string": [")" + text +
               R"("]}, "failure-details": [{"result-type": "x", "sending-mta-ip": "192.0.2.1",
               "additional-information": ")" +
               text + R"("}]})");
  const auto all = received_as(json, 10'000);
  REQUIRE(all.reading);
  CHECK(all.reading->warnings ==
        std::vector<std::string>{"some of its explaining texts are dropped: they are too long for its size"});
  REQUIRE(all.policies.size() == 100);
  std::uint64_t kept = 0;
  for (const PolicyResult& policy : all.policies) {
    CHECK(policy.policy_domain == "a.test");
    CHECK(policy.failure_details.at(0).sending_mta_ip == "192.0.2.1");
    for (const std::string& one : policy.policy_strings) kept += one.size();
    kept += policy.failure_details[0].additional_information.size();
  }
  CHECK(kept > 0);
  CHECK(kept <= free_text_size + free_text_ratio * 10'000 + report_text_limit);
  CHECK(received_as(json, json.size()).reading->warnings.empty());
}

TEST_CASE("a report with too much text or too many policies for its size is refused") {
  const std::string named =
      R"({"policy": {"policy-type": "sts", "policy-domain": ")" + std::string(4'000, 'd') + R"("}})";
  CHECK(bad(received_as(policies_of(100, named), 10'000).reading)
            .message.ends_with("bytes of text in its first 10000, as only bombs have"));
  const std::string small = R"({"policy": {"policy-domain": "a"}})";
  CHECK(received_as(policies_of(max_rows + 100, small), 300).reading);
  CHECK(bad(received_as(policies_of(max_rows + 101, small), 300).reading).message ==
        "more than 1100 policies and failure details in its first 300 bytes, as only bombs have");
  const std::string empty_details =
      R"({"policy": {"policy-domain": "a"}, "failure-details": [{},{},{},{},{},{},{},{},{},{}]})";
  CHECK(
      bad(received_as(policies_of(101, empty_details), 300).reading).message.ends_with("as only bombs have"));
}
