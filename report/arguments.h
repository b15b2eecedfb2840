// Options of several commands: days and a policy domain.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "command/options.h"
#include "store/store.h"

namespace starttls::report {

// --since and --until, as they are given.
struct PeriodValues {
  std::string since;  // empty: the command's number of days before `until`
  std::string until = "today";
};

// Declares both. `default_since` is the default in the text of --help: "27 days before the last".
void period_options(command::Options& options, PeriodValues& values, const std::string& default_since);

// The days from `since` to `until`. Without `since`, the first one is `days` before the last. Fault::usage.
Result<store::Period> parse_period(const PeriodValues& values, std::chrono::days days, const Clock& clock);

// "2026-01-31", "today" or "yesterday", as the value of the option. Fault::usage for anything else.
Result<Day> parse_day_option(const std::string& option, const std::string& text, const Clock& clock);

// The value of --domain as a domain name in A-labels. Fault::usage if it is no domain name.
Result<std::optional<std::string>> parse_domain_option(const std::optional<std::string>& text);

}  // namespace starttls::report
