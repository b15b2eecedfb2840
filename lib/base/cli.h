// What the command lines of all programs have in common (CLI11).
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

// Parses the command line into what was bound to the app. Nothing: go on. A number: the exit status to leave
// with at once (0 after --help or --version, 64 after a mistake, which was told on standard error).
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

// Runs the body of a main() and returns the exit status, with standard input, output and error open, to
// /dev/null if need be. What no one can foresee, such as want of memory, ends here as Fault::internal instead
// of as an exception.
int guarded(std::string_view program, const std::function<Result<int>()>& body);

// Writes "program: message" and a newline to standard error; where that is closed or full, nobody is told.
void tell(std::string_view program, std::string_view message);

// Tells the error on standard error as "program: message" and returns its exit status.
int report_error(std::string_view program, const Error& error);

// Writes the answer to standard output. Fault::io where it cannot be written whole (a full disk, a closed
// pipe).
Result<void> print(std::string_view answer);

}  // namespace starttls
