// Who the daemon is once it has what only root may open.
#pragma once

#include <optional>

#include "base/result.h"
#include "base/user.h"
#include "config/tlsrpt_toml.h"
#include "service/switch_user.h"

namespace starttls::milter {

// The user of the configuration or, where we are root and none is named, "starttls-toolkit" if there is one;
// none: nobody else. Fault::config where the user is named and does not exist.
Result<std::optional<User>> identity_of(const config::TlsrptConfig& configuration);

// Makes the state directory if it is missing, gives it to that user, and becomes that user for good. What is
// in the directory is given with it where it was root's, as after a daemon that ran as root: only where
// nobody but root could have put it there (service/hand_over.h). Before any thread is started.
Result<void> become(const User& identity, const config::TlsrptConfig& configuration);

}  // namespace starttls::milter
