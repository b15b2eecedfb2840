// The commands of tlsrpt-report: each has its options, filled from the command line, and a function that runs
// it and returns the exit status or the error.
#pragma once

#include <CLI/App.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "milter/configuration.h"

namespace starttls::milter {

// What every command works with.
struct Surroundings {
  Configuration configuration;
  Clock clock;
  bool json = false;
};

struct SelfOptions {
  std::string day = "today";
  std::optional<std::string> domain;
  std::optional<std::filesystem::path> directory;
  bool gzip = false;
};
void add_self_command(CLI::App& app, SelfOptions& options);
Result<int> run_self(const SelfOptions& options, const Surroundings& surroundings);

struct SummaryOptions {
  std::string since;  // empty: six days before `until`
  std::string until = "today";
  std::optional<std::string> domain;
  std::string by;  // empty: the overview
};
void add_summary_command(CLI::App& app, SummaryOptions& options);
Result<int> run_summary(const SummaryOptions& options, const Surroundings& surroundings);

// "2026-01-31", "today" or "yesterday". Fault::usage on anything else.
Result<Day> day_argument(const std::string& text, const Clock& clock);

// An A-label domain name out of an argument. Fault::usage where it is none.
Result<std::optional<std::string>> domain_argument(const std::optional<std::string>& text);

}  // namespace starttls::milter
