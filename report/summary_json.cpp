// The summary as JSON.
#include "json/json_text.h"
#include "report/summary_content.h"

namespace starttls::report {
namespace {

void to_json(json::JsonText& json, const Figures& f) {
  json.member("sessions", f.sessions);
  json.member("tls", f.tls);
  json.member("plaintext", f.plaintext);
  json.member("no_mail", f.no_mail);
  json.member("no_helo", f.no_helo);
  json.member("failed", f.failed);
  json.member("messages", f.messages);
}

void versions_to_json(json::JsonText& json, const std::map<std::string, VersionUse>& versions) {
  json.key("groups");
  json.begin_array();
  for (const auto& [version, use] : versions) {
    json.begin_object();
    json.member("group", version);
    to_json(json, use.figures);
    json.member("senders", use.senders.size());
    json.member("last_day", to_string(use.last));
    json.end_object();
  }
  json.end_array();
}

void groups_to_json(json::JsonText& json, const char* key, const GroupedFigures& groups) {
  json.key(key);
  json.begin_array();
  for (const auto& [name, figures] : groups) {
    json.begin_object();
    json.member("group", name);
    to_json(json, figures);
    json.end_object();
  }
  json.end_array();
}

void total_to_json(json::JsonText& json, const GroupedFigures& groups) {
  json.key("total");
  json.begin_object();
  to_json(json, sum(groups));
  json.end_object();
}

void reporters_to_json(json::JsonText& json, const ReceivedFigures& received) {
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

void result_types_to_json(json::JsonText& json, const ReceivedFigures& received) {
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

std::string to_json(const SummaryContent& content, const SummaryRequest& request) {
  json::JsonText json;
  json.begin_object();
  json.member("since", to_string(request.period.since));
  json.member("until", to_string(request.period.until));
  json.key("domain");
  request.domain ? json.text(*request.domain) : json.null();
  if (request.tls_version) json.member("tls_version", *request.tls_version);
  if (request.sessions_by) {
    total_to_json(json, content.sessions);
    request.sessions_by == Grouping::version ? versions_to_json(json, content.versions)
                                             : groups_to_json(json, "groups", content.sessions);
  } else if (request.received_by == ReceivedBy::result_type) {
    result_types_to_json(json, content.received);
    content.received.others().to_json(json);
  } else if (request.received_by == ReceivedBy::reporter) {
    reporters_to_json(json, content.received);
    content.received.others().to_json(json);
  } else {
    total_to_json(json, content.protection);
    groups_to_json(json, "protection", content.protection);
    groups_to_json(json, "domains", content.domains);
    reporters_to_json(json, content.received);
    content.received.others().to_json(json);
  }
  json.end_object();
  return json.take();
}

}  // namespace starttls::report
