// Who the daemon is once it has what only root may open.
#pragma once

#include <optional>

#include "base/result.h"
#include "milter/configuration.h"
#include "service/identity.h"

namespace starttls::milter {

// The user of the configuration or, where we are root and none is named, "starttls-toolkit" if there is one;
// none: nobody else. Fault::config where the user is named and does not exist.
Result<std::optional<service::Identity>> identity_of(const Configuration& configuration);

// Makes the state directory if it is missing, gives it to that user, and becomes that user for good. What is
// in the directory is given with it where it was root's, as after a daemon that ran as root: only where
// nobody but root could have put it there (service/hand_over.h). Before any thread is started.
Result<void> become(const service::Identity& identity, const Configuration& configuration);

}  // namespace starttls::milter
