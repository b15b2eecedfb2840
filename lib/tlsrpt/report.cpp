#include "tlsrpt/report.h"

#include <fmt/format.h>

namespace starttls::tlsrpt {
namespace {

// A text, or several.
template <class Value>
void put_if_any(json::JsonText& json, std::string_view key, const Value& value) {
  if (!value.empty()) json.member(key, value);
}

void put(json::JsonText& json, const FailureDetail& detail) {
  json.begin_object();
  json.member("result-type", detail.result_type);
  put_if_any(json, "sending-mta-ip", detail.sending_mta_ip);
  put_if_any(json, "receiving-mx-hostname", detail.receiving_mx_hostname);
  put_if_any(json, "receiving-mx-helo", detail.receiving_mx_helo);
  put_if_any(json, "receiving-ip", detail.receiving_ip);
  json.member("failed-session-count", detail.failed_session_count);
  put_if_any(json, "additional-information", detail.additional_information);
  put_if_any(json, "failure-reason-code", detail.failure_reason_code);
  json.end_object();
}

void put(json::JsonText& json, const PolicyResult& result) {
  json.begin_object();
  json.key("policy");
  json.begin_object();
  json.member("policy-type", result.policy_type);
  put_if_any(json, "policy-string", result.policy_strings);
  json.member("policy-domain", result.policy_domain);
  put_if_any(json, "mx-host", result.mx_hosts);
  json.end_object();
  json.key("summary");
  json.begin_object();
  json.member("total-successful-session-count", result.successful_sessions);
  json.member("total-failure-session-count", result.failed_sessions);
  json.end_object();
  if (!result.failure_details.empty()) {
    json.key("failure-details");
    json.begin_array();
    for (const FailureDetail& detail : result.failure_details) put(json, detail);
    json.end_array();
  }
  json.end_object();
}

std::int64_t seconds_since_1970(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

void put(json::JsonText& json, const Report& report) {
  const ReportHead& head = report.head;
  json.begin_object();
  json.member("organization-name", head.organization_name);
  json.key("date-range");
  json.begin_object();
  json.member("start-datetime", to_rfc3339(head.begin));
  json.member("end-datetime", to_rfc3339(head.end));
  json.end_object();
  json.member("contact-info", head.contact_info);
  json.member("report-id", head.report_id);
  json.key("policies");
  json.begin_array();
  for (const PolicyResult& result : report.policies) put(json, result);
  json.end_array();
  json.end_object();
}

std::string to_json(const Report& report) {
  json::JsonText json;
  put(json, report);
  return json.take();
}

std::string file_name(std::string_view sender, std::string_view policy_domain, Time begin, Time end,
                      bool gzipped) {
  return fmt::format("{}!{}!{}!{}.json{}", sender, policy_domain, seconds_since_1970(begin),
                     seconds_since_1970(end), gzipped ? ".gz" : "");
}

}  // namespace starttls::tlsrpt
