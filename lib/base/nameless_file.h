// A temporary file without a name, which is deleted when its descriptor is closed.
#pragma once

#include "base/file.h"
#include "base/result.h"

namespace starttls {

// For reading and writing, in the directory of TMPDIR, or in this one where that is not set: /tmp for what is small
// (systemd keeps it in memory on some hosts), /var/tmp for what can be large (file-hierarchy(7)). Fault::cannot_create
// or Fault::io.
Result<UniqueFd> open_nameless_file(const char* directory);

}  // namespace starttls
