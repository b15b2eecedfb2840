// What systemd says about units (systemctl(1), "show").
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls::doctor {

struct Unit {
  std::string load;       // "loaded", "not-found"
  std::string active;     // "active", "inactive", "failed"
  std::string enabled;    // "enabled", "disabled"; "" for one without a file
  std::string result;     // "success", "exit-code"
  std::string condition;  // "no" if its conditions did not hold at the last start
  std::vector<std::string> before;
  std::vector<std::string> supplementary_groups;
  std::vector<std::string> listen;  // of a socket: "127.0.0.1:8461"

  bool is_loaded() const { return load == "loaded"; }
  bool is_active() const { return active == "active"; }
  bool is_enabled() const { return enabled.starts_with("enabled"); }
};

using Units = std::map<std::string, Unit, std::less<>>;

// Of the output of `systemctl show`.
Units parse_units(std::string_view text);

// Fault::unavailable if this host does not run systemd, or it does not answer.
Result<Units> read_units(std::span<const std::string> names);

// nullptr if there is no such unit.
const Unit* find_unit(const Units& units, std::string_view name);

}  // namespace starttls::doctor
