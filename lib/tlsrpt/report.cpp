#include "tlsrpt/report.h"

#include <fmt/format.h>
#include <rapidjson/prettywriter.h>
#include <rapidjson/stringbuffer.h>

namespace starttls::tlsrpt {
namespace {

using Json = rapidjson::PrettyWriter<rapidjson::StringBuffer>;

void put_text(Json& json, std::string_view text) {
  json.String(text.data(), static_cast<rapidjson::SizeType>(text.size()));
}

void put(Json& json, const char* key, std::string_view text) {
  json.Key(key);
  put_text(json, text);
}

void put_if_any(Json& json, const char* key, std::string_view text) {
  if (!text.empty()) put(json, key, text);
}

void put_if_any(Json& json, const char* key, const std::vector<std::string>& texts) {
  if (texts.empty()) return;
  json.Key(key);
  json.StartArray();
  for (const std::string& text : texts) put_text(json, text);
  json.EndArray();
}

void put(Json& json, const char* key, std::uint64_t count) {
  json.Key(key);
  json.Uint64(count);
}

void put(Json& json, const FailureDetail& detail) {
  json.StartObject();
  put(json, "result-type", detail.result_type);
  put_if_any(json, "sending-mta-ip", detail.sending_mta_ip);
  put_if_any(json, "receiving-mx-hostname", detail.receiving_mx_hostname);
  put_if_any(json, "receiving-mx-helo", detail.receiving_mx_helo);
  put_if_any(json, "receiving-ip", detail.receiving_ip);
  put(json, "failed-session-count", detail.failed_session_count);
  put_if_any(json, "additional-information", detail.additional_information);
  put_if_any(json, "failure-reason-code", detail.failure_reason_code);
  json.EndObject();
}

void put(Json& json, const PolicyResult& result) {
  json.StartObject();
  json.Key("policy");
  json.StartObject();
  put(json, "policy-type", result.policy_type);
  put_if_any(json, "policy-string", result.policy_strings);
  put(json, "policy-domain", result.policy_domain);
  put_if_any(json, "mx-host", result.mx_hosts);
  json.EndObject();
  json.Key("summary");
  json.StartObject();
  put(json, "total-successful-session-count", result.successful_sessions);
  put(json, "total-failure-session-count", result.failed_sessions);
  json.EndObject();
  if (!result.failure_details.empty()) {
    json.Key("failure-details");
    json.StartArray();
    for (const FailureDetail& detail : result.failure_details) put(json, detail);
    json.EndArray();
  }
  json.EndObject();
}

std::int64_t seconds_since_1970(Time time) {
  return std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
}

}  // namespace

std::string to_json(const Report& report) {
  rapidjson::StringBuffer buffer;
  Json json(buffer);
  json.SetIndent(' ', 2);
  json.StartObject();
  put(json, "organization-name", report.organization_name);
  json.Key("date-range");
  json.StartObject();
  put(json, "start-datetime", to_rfc3339(report.begin));
  put(json, "end-datetime", to_rfc3339(report.end));
  json.EndObject();
  put(json, "contact-info", report.contact_info);
  put(json, "report-id", report.report_id);
  json.Key("policies");
  json.StartArray();
  for (const PolicyResult& result : report.policies) put(json, result);
  json.EndArray();
  json.EndObject();
  return std::string(buffer.GetString(), buffer.GetSize()) + "\n";
}

std::string file_name(std::string_view sender, std::string_view policy_domain, Time begin, Time end,
                      bool gzipped) {
  return fmt::format("{}!{}!{}!{}.json{}", sender, policy_domain, seconds_since_1970(begin),
                     seconds_since_1970(end), gzipped ? ".gz" : "");
}

}  // namespace starttls::tlsrpt
