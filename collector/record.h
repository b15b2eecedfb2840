// tlsrpt-collector record: passes results of other programs on to the daemon.
#pragma once

#include "base/result.h"

namespace starttls::collector {

// Returns the exit status.
Result<int> run_record(int argc, const char* const* argv);

}  // namespace starttls::collector
