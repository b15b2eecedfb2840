// The socket that the MTA connects to.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/user.h"
#include "config/tlsrpt_toml.h"

namespace starttls::milter {

// Opens the socket of the configuration for libmilter. Under systemd a unix socket stays open while the service restarts:
// connections wait meanwhile, and the daemon goes on with the socket that it gets from systemd. Otherwise a unix socket of a process that has exited is removed;
// the new one gets its owner, group and mode as in unix_socket.h. `user`: whom the daemon is about to
// switch to. Fault::temporary where another program listens there, else Fault::unavailable with the reason.
Result<void> open_listener(const config::TlsrptConfig& config, const std::optional<User>& user);

// Whether the owner and the group of the socket exist. Errors as of open_listener().
Result<void> check_listener(const config::TlsrptConfig& config);

// Of a daemon that stops: no further connection is accepted on a socket that systemd keeps. Another unix socket is removed,
// so that the MTA cannot connect. Without the right to remove it, the socket stays: the next start replaces it.
void close_listener(const config::TlsrptConfig& config);

}  // namespace starttls::milter
