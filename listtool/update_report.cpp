#include "listtool/update_report.h"

#include "base/counted.h"
#include "json/json_text.h"

namespace starttls::listtool {

std::string edition_text(const Edition& edition) {
  return fmt::format("{}, of {}, expires {}", counted(edition.domains, "domain"),
                     to_rfc3339(edition.timestamp), to_rfc3339(edition.expires));
}

std::string to_string(const UpdateReport& report) {
  std::string text;
  for (const ListReport& list : report.lists) {
    if (list.result == "removed") text += list.name + ": no longer configured, and removed\n";
    if (!list.edition) continue;
    text += fmt::format("{}: {} added, {} removed, {} changed; {}\n", list.name, list.changes.added,
                        list.changes.removed, list.changes.changed, edition_text(*list.edition));
  }
  return text;
}

std::string to_json(const UpdateReport& report) {
  json::JsonText json;
  json.begin_object();
  json.key("lists");
  json.begin_array();
  for (const ListReport& list : report.lists) {
    json.begin_object();
    json.member("name", list.name);
    json.member("result", list.result);
    if (list.edition) {
      json.member("timestamp", to_rfc3339(list.edition->timestamp));
      json.member("expires", to_rfc3339(list.edition->expires));
      json.member("domains", list.edition->domains);
      json.member("added", list.changes.added);
      json.member("removed", list.changes.removed);
      json.member("changed", list.changes.changed);
    }
    if (!list.error.empty()) json.member("error", list.error);
    json.end_object();
  }
  json.end_array();
  json.key("outputs");
  json.begin_array();
  for (const OutputReport& output : report.outputs) {
    json.begin_object();
    json.member("file", output.file);
    json.member("changed", output.changed);
    json.member("failed", output.failed);
    json.member("command", output.command);
    json.end_object();
  }
  json.end_array();
  json.end_object();
  return json.take();
}

}  // namespace starttls::listtool
