// The daemon: starts, records until a signal stops it, writes the rest, exits.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/result.h"
#include "config/tlsrpt_toml.h"

namespace starttls::milter {

struct DaemonOptions {
  config::TlsrptConfig configuration;
  // Reads it again, for SIGHUP.
  std::function<Result<config::TlsrptConfig>()> reload_configuration;
  Clock clock;
  // Called once the MTA can connect.
  std::function<void()> ready;
};

// Opens the socket, switches to its user, and records until SIGTERM or SIGINT; then records the open
// sessions, folds everything and returns. SIGHUP makes it read the configuration again. The caller must exit
// by _Exit(): libmilter's threads still run.
Result<void> run_daemon(const DaemonOptions& options);

// Whether a daemon with this configuration could start, as far as that shows without starting one. Errors as
// of run_daemon().
Result<void> check_startup(const config::TlsrptConfig& configuration);

// Goes to the background: returns in the child. The parent waits until the child calls the returned function,
// or exits, and exits with the child's status. `keep_standard_error`: for the log. Fault::temporary
// where fork(2) fails.
Result<std::function<void()>> detach(bool keep_standard_error);

}  // namespace starttls::milter
