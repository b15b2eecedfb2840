// What an update did, as text and as JSON.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "keyring/keyring.h"
#include "listtool/changes.h"
#include "listtool/state.h"

namespace starttls::listtool {

// What changed in keys.json, of which a new version was accepted.
struct KeysChange {
  std::uint64_t version = 0;
  Time expires;
  std::vector<std::string> added;    // ids of online keys
  std::vector<std::string> revoked;  // named by the version before, and no longer
};

// `before` is nullptr if there was none.
KeysChange compare(const keyring::Keyring* before, const keyring::Keyring& now);

struct ListReport {
  std::string name;
  std::string result;              // "new", "unchanged", "refused", "failed" or "removed"
  std::optional<Edition> edition;  // if it is new
  ChangeCounts changes;
  std::optional<KeysChange> keys;
  std::string error;
};
struct OutputReport {
  std::string file;
  bool changed = false;
  bool failed = false;  // the map did not change
  std::string command;  // "none", "done" or "failed"
};

struct UpdateReport {
  std::vector<ListReport> lists;
  std::vector<OutputReport> outputs;
};

// "940 domains, of 2026-11-20T06:00:00Z, expires 2026-12-04T06:00:00Z"
std::string edition_text(const Edition& edition);

// One line for each list that is new or removed, and for each new keys.json.
std::string to_string(const UpdateReport& report);
std::string to_json(const UpdateReport& report);

}  // namespace starttls::listtool
