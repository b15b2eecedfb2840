// What the lint commands have in common: each reads one thing and hands over what there is to be said.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "base/result.h"
#include "json/json_text.h"
#include "listtool/options.h"

namespace starttls::listtool {

struct Linted {
  std::string file;       // fit to be shown
  bool readable = false;  // whether there is anything to be had from it
  std::vector<Finding> findings;
  std::uint64_t suppressed = 0;  // further findings
  // Where it is readable, for --json the members that say what was read, and a sum of it for a person.
  std::function<void(json::JsonText&)> content;
  std::string sum;
};

// "standard input" for "-".
std::string shown_file(const std::filesystem::path& file);

// Prints the findings, or the JSON object, and tells the sum unless quiet. The exit status: 0 without faults,
// 1 with faults, that of Fault::data where nothing is readable.
Result<int> answer(const Common& common, const Linted& linted);

}  // namespace starttls::listtool
