// The callbacks of libmilter: what each step of a connection does.
#pragma once

#include "base/result.h"
#include "milter/open_connections.h"

namespace starttls::milter {

// Registers the callbacks. To be called before the socket is opened.
Result<void> register_callbacks();

// Sets where the callbacks record. To be called before libmilter runs. libmilter has one filter a process, so
// `connections` must outlive its threads, which run until the process exits.
void set_connections(OpenConnections& connections);

}  // namespace starttls::milter
