// The life of the daemon: start, wait for signals, drain, end.
#pragma once

#include <functional>

#include "base/clock.h"
#include "base/result.h"
#include "milter/configuration.h"

namespace starttls::milter {

// Opens the socket, records until TERM or INT, then records what is still open, folds everything and returns.
// `ready` is called once the MTA can connect. HUP is ignored. The caller must end the process with
// _Exit: libmilter's threads still run.
Result<void> run_daemon(const Configuration& configuration, const Clock& clock,
                        const std::function<void()>& ready);

// Goes to the background: returns in the child; the parent stays until the child says ready() through the
// returned function, or ends, and exits with the child's status. Standard error stays open where the log goes
// there. Fault::temporary where fork(2) fails.
Result<std::function<void()>> detach(bool keep_standard_error);

}  // namespace starttls::milter
