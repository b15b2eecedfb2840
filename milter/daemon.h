// The life of the daemon: start, wait for signals, drain, end.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/result.h"
#include "config/tlsrpt_toml.h"

namespace starttls::milter {

struct DaemonOptions {
  config::TlsrptConfig configuration;
  // Reads it again, for HUP.
  std::function<Result<config::TlsrptConfig>()> reload_configuration;
  Clock clock;
  // Called once the MTA can connect.
  std::function<void()> ready;
};

// Opens the socket, becomes who it is to be, records until TERM or INT, then records what is still open,
// folds everything and returns. HUP has it read the configuration again. The caller must end the process with
// _Exit: libmilter's threads still run.
Result<void> run_daemon(const DaemonOptions& startup);

// Whether a daemon with this configuration could start, as far as can be told without starting one. Errors as
// of run_daemon().
Result<void> check_startup(const config::TlsrptConfig& configuration);

// Goes to the background: returns in the child; the parent stays until the child says ready() through the
// returned function, or ends, and exits with the child's status. Standard error stays open where the log goes
// there. Fault::temporary where fork(2) fails.
Result<std::function<void()>> detach(bool keep_standard_error);

}  // namespace starttls::milter
