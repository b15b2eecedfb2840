// The user who the daemon runs as, once it has opened what only root may open.
#pragma once

#include <optional>

#include "base/result.h"
#include "base/user.h"
#include "config/tlsrpt_toml.h"

namespace starttls::milter {

// The user of the configuration or, where root starts the daemon and none is named, config::default_user if
// there is one; none: the daemon keeps its user. Fault::config where the named user does not exist.
Result<std::optional<User>> service_user(const config::TlsrptConfig& config);

// Creates the state directory if it is missing, changes its owner to that user, and switches to that user for
// good. What is in the directory changes its owner, too, where it is root's, as after a daemon that ran as
// root: only where nobody but root could have put it there (service/ownership.h). Before any thread is
// started.
Result<void> switch_user(const User& user, const config::TlsrptConfig& config);

}  // namespace starttls::milter
