// The daemon: starts, records until a signal stops it, writes the rest, exits.
#pragma once

#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "daemon/program.h"

namespace starttls::collector {

// Opens the socket, switches to its user, and records until SIGTERM or SIGINT; then takes what waits in the socket, folds
// everything and returns. SIGHUP makes it read the configuration again.
Result<void> run_daemon(const daemon::Options& options);

// Whether a daemon with this configuration could start, as far as that shows without starting one. Errors as
// of run_daemon().
Result<void> check_startup(const config::TlsrptConfig& configuration);

}  // namespace starttls::collector
