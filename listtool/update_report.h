// What an update did, as text and as JSON.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "listtool/changes.h"
#include "listtool/state.h"

namespace starttls::listtool {

struct ListReport {
  std::string name;
  std::string result;              // "new", "unchanged", "refused", "failed" or "removed"
  std::optional<Edition> edition;  // if it is new
  ChangeCounts changes;
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

// One line for each list that is new or removed.
std::string to_string(const UpdateReport& report);
std::string to_json(const UpdateReport& report);

}  // namespace starttls::listtool
