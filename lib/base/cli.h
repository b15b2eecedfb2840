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

// Lines on standard error: "PROGRAM: message", "PROGRAM: warning: message"; in systemd's journal with their
// priority instead (journal.h). A standard error that is closed or full is ignored.
void tell(std::string_view program, std::string_view message);  // what was done: Priority::info
void print_warning(std::string_view program, std::string_view message);
void print_error(std::string_view program, std::string_view message);

// print_error() of the message; returns the exit status.
int report_error(std::string_view program, const Error& error);

// Writes the answer to standard output. Fault::io where it cannot be written whole (a full disk, a closed
// pipe).
Result<void> print(std::string_view answer);

}  // namespace starttls
