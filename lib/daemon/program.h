// The command line of the daemons that [milter] and [collector] of tlsrpt.toml(5) configure, and how they start.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "command/command.h"
#include "config/tlsrpt_toml.h"

namespace starttls::daemon {

// What a daemon starts with.
struct Options {
  config::TlsrptConfig configuration;
  // Reads it again, for SIGHUP.
  std::function<Result<config::TlsrptConfig>()> reload_configuration;
  Clock clock;
  // To be called once the mail server can connect.
  std::function<void()> ready;
};

struct Program {
  command::ProgramText text;
  std::string socket_help;     // of --socket
  std::string state_dir_help;  // of --state-dir: "Record sessions in this directory"
  // The daemon's table of the configuration.
  config::DaemonConfig& (*table)(config::TlsrptConfig& configuration);
  // Whether a daemon with this configuration could start, as far as that shows without starting one.
  Result<void> (*check_startup)(const config::TlsrptConfig& configuration);
  // Runs until a signal stops it.
  Result<void> (*run)(const Options& options);
};

// The keys whose values differ, and which take a restart: those of the daemon's own table.
std::vector<std::string_view> settings_for_restart(const config::DaemonConfig& old,
                                                   const config::DaemonConfig& now);

// Parses the command line, reads the configuration, goes to the background unless told otherwise, and runs the
// daemon. Returns the exit status.
Result<int> run_program(const Program& program, int argc, const char* const* argv);

}  // namespace starttls::daemon
