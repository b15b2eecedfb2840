#include "tlsrpt/report.h"

#include <fmt/format.h>

namespace starttls::tlsrpt {
namespace {

// Writes a text, or several texts, if there are any.
template <class Value>
void member_if_any(json::JsonText& json, std::string_view key, const Value& value) {
  if (!value.empty()) json.member(key, value);
}

void to_json(json::JsonText& json, const FailureDetail& detail) {
  json.object([&] {
    json.member("result-type", detail.result_type);
    member_if_any(json, "sending-mta-ip", detail.sending_mta_ip);
    member_if_any(json, "receiving-mx-hostname", detail.receiving_mx_hostname);
    member_if_any(json, "receiving-mx-helo", detail.receiving_mx_helo);
    member_if_any(json, "receiving-ip", detail.receiving_ip);
    json.member("failed-session-count", detail.failed_session_count);
    member_if_any(json, "additional-information", detail.additional_information);
    member_if_any(json, "failure-reason-code", detail.failure_reason_code);
  });
}

void to_json(json::JsonText& json, const PolicyResult& result) {
  json.object([&] {
    json.object("policy", [&] {
      json.member("policy-type", result.policy_type);
      member_if_any(json, "policy-string", result.policy_strings);
      json.member("policy-domain", result.policy_domain);
      member_if_any(json, "mx-host", result.mx_hosts);
    });
    json.object("summary", [&] {
      json.member("total-successful-session-count", result.successful_sessions);
      json.member("total-failure-session-count", result.failed_sessions);
    });
    if (result.failure_details.empty()) return;
    json.array("failure-details", [&] {
      for (const FailureDetail& detail : result.failure_details) to_json(json, detail);
    });
  });
}

std::int64_t seconds_since_1970(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

// RFC 8460 section 4.4
void to_json(json::JsonText& json, const Report& report) {
  const ReportHead& head = report.head;
  json.object([&] {
    json.member("organization-name", head.organization_name);
    json.object("date-range", [&] {
      json.member("start-datetime", to_rfc3339(head.begin));
      json.member("end-datetime", to_rfc3339(head.end));
    });
    json.member("contact-info", head.contact_info);
    json.member("report-id", head.report_id);
    json.array("policies", [&] {
      for (const PolicyResult& result : report.policies) to_json(json, result);
    });
  });
}

std::string to_json(const Report& report) {
  json::JsonText json;
  to_json(json, report);
  return json.take();
}

std::string file_name(std::string_view sender, std::string_view policy_domain, Time begin, Time end,
                      bool gzipped, std::string_view unique_id) {
  return fmt::format("{}!{}!{}!{}{}{}.json{}", sender, policy_domain, seconds_since_1970(begin),
                     seconds_since_1970(end), unique_id.empty() ? "" : "!", unique_id, gzipped ? ".gz" : "");
}

}  // namespace starttls::tlsrpt
