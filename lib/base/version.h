// The version of the project.
#pragma once

#include <string_view>

namespace starttls {

// "0.2.0"; static, and terminated by NUL.
std::string_view version();

}  // namespace starttls
