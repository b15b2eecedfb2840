// What the command lines of all programs have in common (CLI11).
#pragma once

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <optional>

namespace starttls::command {

// Parses the command line into what was bound to the app. Nothing: go on. A number: the exit status to leave
// with at once (0 after --help or --version, 64 after a mistake, which was told on standard error).
std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv);

}  // namespace starttls::command
