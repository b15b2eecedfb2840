// The summary for machines.
#include "json/json_text.h"
#include "report/summary_content.h"

namespace starttls::report {
namespace {

void put(json::JsonText& json, const Figures& f) {
  json.member("sessions", f.sessions);
  json.member("tls", f.tls);
  json.member("plaintext", f.plaintext);
  json.member("no_mail", f.no_mail);
  json.member("no_helo", f.no_helo);
  json.member("failed", f.failed);
  json.member("messages", f.messages);
}

void put_versions(json::JsonText& json, const std::map<std::string, VersionUse>& versions) {
  json.key("groups");
  json.begin_array();
  for (const auto& [version, use] : versions) {
    json.begin_object();
    json.member("group", version);
    put(json, use.figures);
    json.member("senders", use.senders.size());
    json.member("last_day", to_string(use.last));
    json.end_object();
  }
  json.end_array();
}

void put_groups(json::JsonText& json, const char* key, const GroupedFigures& groups) {
  json.key(key);
  json.begin_array();
  for (const auto& [name, figures] : groups) {
    json.begin_object();
    json.member("group", name);
    put(json, figures);
    json.end_object();
  }
  json.end_array();
}

void put_total(json::JsonText& json, const GroupedFigures& groups) {
  json.key("total");
  json.begin_object();
  put(json, sum(groups));
  json.end_object();
}

void put_reporters(json::JsonText& json, const ReceivedFigures& received) {
  json.key("reporters");
  json.begin_array();
  for (const auto& [name, f] : received.reporters()) {
    json.begin_object();
    json.member("reporter", name);
    json.member("reports", f.reports);
    json.member("authenticated_reports", f.authenticated);
    json.member("sessions", f.sessions.all());
    json.member("failed", f.sessions.failed);
    json.member("counted_once", f.counted_once);
    json.member("last_day", to_string(f.last));
    json.end_object();
  }
  json.end_array();
}

void put_result_types(json::JsonText& json, const ReceivedFigures& received) {
  json.key("result_types");
  json.begin_array();
  for (const auto& [key, group] : received.failures().groups()) {
    json.begin_object();
    json.member("policy_domain", key.first);
    json.member("result_type", key.second);
    json.member("sessions", group.sessions);
    json.end_object();
  }
  json.end_array();
}

}  // namespace

std::string summary_json(const SummaryContent& content, const SummaryRequest& request) {
  json::JsonText json;
  json.begin_object();
  json.member("since", to_string(request.period.since));
  json.member("until", to_string(request.period.until));
  json.key("domain");
  request.domain ? json.text(*request.domain) : json.null();
  if (request.tls_version) json.member("tls_version", *request.tls_version);
  if (request.sessions_by) {
    put_total(json, content.sessions);
    request.sessions_by == Grouping::version ? put_versions(json, content.versions)
                                             : put_groups(json, "groups", content.sessions);
  } else if (request.received_by == ReceivedBy::result_type) {
    put_result_types(json, content.received);
    content.received.others().put(json);
  } else if (request.received_by == ReceivedBy::reporter) {
    put_reporters(json, content.received);
    content.received.others().put(json);
  } else {
    put_total(json, content.protection);
    put_groups(json, "protection", content.protection);
    put_groups(json, "domains", content.domains);
    put_reporters(json, content.received);
    content.received.others().put(json);
  }
  json.end_object();
  return json.take();
}

}  // namespace starttls::report
