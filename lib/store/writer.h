// The writers of a store that several hosts share.
#pragma once

#include <filesystem>
#include <string>

#include "base/result.h"

namespace starttls::store {

// The state directory's name in a shared store: random, made when it is first asked for, kept in the file
// `writer`. Who copies a state directory to a second host removes it there.
Result<std::string> writer_id(const std::filesystem::path& state_dir);

}  // namespace starttls::store
