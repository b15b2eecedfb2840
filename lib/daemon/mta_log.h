// The mail server's log that a daemon reads ("mta_log" of tlsrpt.toml(5)).
#pragma once

#include <optional>
#include <string_view>

#include "base/result.h"
#include "base/user.h"
#include "daemon/user.h"

namespace starttls::daemon {

// For --check-config: switches to the user for good, if there is one and root runs this process, and logs a warning
// where the log of the table may not be read then. Nothing where no log is configured. `missing`: what the daemon
// would lack, "the reasons of failed handshakes". Errors as of service::switch_user().
Result<void> check_mta_log(const Table& table, const std::optional<User>& user, std::string_view missing);

}  // namespace starttls::daemon
