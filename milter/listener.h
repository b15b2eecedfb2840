// The socket that the MTA connects to.
#pragma once

#include <string>

#include "base/result.h"
#include "milter/configuration.h"

namespace starttls::milter {

// Opens the socket of the configuration and hands it to libmilter. A unix socket that a dead process left is
// removed; it gets its group and mode before this returns. Fault::temporary where somebody listens there
// already, Fault::usage for a socket that libmilter does not understand, else Fault::unavailable with the
// reason.
Result<void> open_listener(const Configuration& configuration);

// Removes the unix socket of a daemon that ends, so that the MTA finds nobody there.
void close_listener(const Configuration& configuration);

}  // namespace starttls::milter
