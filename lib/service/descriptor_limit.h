// How many files a service may have open.
#pragma once

#include <cstdint>

#include "base/result.h"

namespace starttls::service {

// Raises the limit of this process to what it may be raised to (getrlimit(2), RLIMIT_NOFILE), and returns
// that. Fault::unavailable.
Result<std::uint64_t> raise_descriptor_limit();

}  // namespace starttls::service
