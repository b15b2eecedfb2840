#include "listtool/update_report.h"

#include <algorithm>
#include <span>
#include <string_view>

#include "base/counted.h"
#include "json/json_text.h"

namespace starttls::listtool {
namespace {

// The ids of the keys of the one that the other does not name.
std::vector<std::string> keys_without(const keyring::Keyring& keyring, const keyring::Keyring& other) {
  std::vector<std::string> ids;
  for (const keyring::SigningKey& each : keyring.signing) {
    const auto is_it = [&](const keyring::SigningKey& named) { return named.key == each.key; };
    if (std::ranges::none_of(other.signing, is_it)) ids.push_back(minisign::to_string(each.key.id));
  }
  return ids;
}

std::string to_string(const KeysChange& keys) {
  std::string text =
      fmt::format("version {} of keys.json, expires {}", keys.version, to_rfc3339(keys.expires));
  for (const std::string& id : keys.added) text += fmt::format("; key {} added", id);
  for (const std::string& id : keys.revoked) text += fmt::format("; key {} revoked", id);
  return text;
}

void add_json(json::JsonText& json, std::string_view name, std::span<const std::string> ids) {
  json.array(name, [&] {
    for (const std::string& id : ids) json.text(id);
  });
}

void add_json(json::JsonText& json, const KeysChange& keys) {
  json.object("keys", [&] {
    json.member("version", keys.version);
    json.member("expires", to_rfc3339(keys.expires));
    add_json(json, "added", keys.added);
    add_json(json, "revoked", keys.revoked);
  });
}

}  // namespace

KeysChange compare(const keyring::Keyring* before, const keyring::Keyring& now) {
  const keyring::Keyring none;
  const keyring::Keyring& old = before != nullptr ? *before : none;
  return {.version = now.version,
          .expires = now.expires,
          .added = keys_without(now, old),
          .revoked = keys_without(old, now)};
}

std::string edition_text(const Edition& edition) {
  return fmt::format("{}, of {}, expires {}", counted(edition.domains, "domain"),
                     to_rfc3339(edition.timestamp), to_rfc3339(edition.expires));
}

std::string to_string(const UpdateReport& report) {
  std::string text;
  for (const ListReport& list : report.lists) {
    if (list.keys) text += fmt::format("{}: {}\n", list.name, to_string(*list.keys));
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
    if (list.keys) add_json(json, *list.keys);
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
