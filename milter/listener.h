// The socket that the MTA connects to.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/user.h"
#include "config/tlsrpt_toml.h"
#include "service/switch_user.h"

namespace starttls::milter {

// Opens the socket of the configuration and hands it to libmilter. A unix socket that a dead process left is
// removed; the new one gets its owner, group and mode as unix_socket.h says: `identity` is who we are about
// to become. Fault::temporary where somebody listens there already, else Fault::unavailable with the reason.
Result<void> open_listener(const config::TlsrptConfig& configuration, const std::optional<User>& identity);

// Whether the owner and the group of the socket exist. Errors as of open_listener().
Result<void> check_listener(const config::TlsrptConfig& configuration);

// Removes the unix socket of a daemon that ends, so that the MTA finds nobody there. Who may not remove it
// leaves it: the next start takes its place.
void close_listener(const config::TlsrptConfig& configuration);

}  // namespace starttls::milter
