// Daemons that leave the terminal, as start scripts expect it.
#pragma once

#include <functional>

#include "base/result.h"

namespace starttls::daemon {

// Goes to the background: returns in the child. The parent waits until the child calls the returned function,
// or exits, and exits with the child's status. `keep_standard_error`: for the log. Fault::temporary
// where fork(2) fails.
Result<std::function<void()>> detach(bool keep_standard_error);

}  // namespace starttls::daemon
