// The libmilter side: which steps and macros we ask the MTA for, and what each callback does with them.
#pragma once

#include "base/result.h"
#include "milter/open_connections.h"

namespace starttls::milter {

// Registers the callbacks. libmilter knows one filter a process, so `connections` must outlive its threads,
// which end with the process.
Result<void> register_callbacks(OpenConnections& connections);

}  // namespace starttls::milter
