// The compressed form in which reports travel (RFC 1952).
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::tlsrpt {

// One gzip member without a file name or time, so that the same content gives the same bytes. Content up to 4
// GiB; Fault::internal where zlib has no memory.
Result<std::string> gzip(std::string_view content);

}  // namespace starttls::tlsrpt
