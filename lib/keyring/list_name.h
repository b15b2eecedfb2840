// The name of a list, in a configuration, in keys.json and in the trusted comment of a signature.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace starttls::keyring {

inline constexpr std::size_t max_list_name = 64;  // characters

// Whether the text may be the name of a list: 1 to max_list_name letters, digits, '-', '_' and '.' of ASCII, of which
// '-' and '.' are not the first. So it may be part of a file's name. Fault::data with what is wrong, in words that
// follow the name of what has the text: "is longer than ...".
Result<void> check_list_name(std::string_view name);

}  // namespace starttls::keyring
