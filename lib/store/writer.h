// The writers of a store that several hosts share.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace starttls::store {

// The state directory's id in a shared store: random, created at the first call, kept in the file `writer`.
// In a state directory that was copied to a second host, the file must be removed.
Result<std::string> writer_id(const std::filesystem::path& state_dir);

}  // namespace starttls::store
