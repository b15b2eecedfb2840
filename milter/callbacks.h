// The libmilter side: which steps and macros we ask the MTA for, and what each callback does with them.
#pragma once

#include "base/result.h"
#include "milter/open_connections.h"

namespace starttls::milter {

// Registers the callbacks, which libmilter wants before its socket is opened.
Result<void> register_callbacks();

// Where the callbacks record, before libmilter runs. libmilter knows one filter a process, so `connections`
// must outlive its threads, which end with the process.
void set_connections(OpenConnections& connections);

}  // namespace starttls::milter
