// What an update did, for people and for machines.
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
  std::optional<Edition> edition;  // of a new one
  ChangeCounts changes;
  std::string error;
};
struct OutputReport {
  std::string file;
  bool changed = false;
  bool failed = false;  // and so left as it was
  std::string command;  // "none", "done" or "failed"
};

struct UpdateReport {
  std::vector<ListReport> lists;
  std::vector<OutputReport> outputs;
};

// A line for each list that is new or removed.
std::string to_string(const UpdateReport& report);
std::string to_json(const UpdateReport& report);

}  // namespace starttls::listtool
