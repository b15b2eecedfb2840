// Shared by the lint commands: each reads one input and reports the findings.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "base/finding.h"
#include "base/result.h"
#include "json/json_text.h"
#include "listtool/context.h"

namespace starttls::listtool {

struct LintResult {
  std::string file;       // for output
  bool readable = false;  // whether it is usable, at least in part
  std::vector<Finding> findings;
  std::uint64_t suppressed = 0;  // further findings
  // If it is readable: writes the members of --json that describe it, and a summary in text.
  std::function<void(json::JsonText&)> to_json;
  std::string summary;
};

// "standard input" for "-".
std::string shown_file(const std::filesystem::path& file);

// The only option values of these commands.
struct LintValues {
  std::filesystem::path file;  // "-" is standard input
};

// A lint command.
template <class Run>
Command lint_command(command::CommandText text, void (*declare)(Options&, LintValues&), Run run) {
  return make_command(std::move(text), declare, run,
                      [](const LintValues&) { return command::DefaultConfig::ignored; });
}

// Prints the findings or the JSON object and, unless quiet, the summary on standard error. The exit status: 0
// without faults, 1 with faults, that of Fault::data if the input is not readable.
Result<int> report(const Context& context, const LintResult& result);

}  // namespace starttls::listtool
