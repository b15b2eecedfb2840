// Reads the arguments of a command line, or of standard input ("-", one on each line).
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls::listtool {

// Calls `take` with each argument, and for "-" with each line of standard input. Removes blanks around a
// line, and ignores empty lines and what follows a '#'. If `take` rejects one, prints the error with its line
// on standard error and continues with the others. Returns the exit status for what was rejected: 64 for an
// argument, 65 for a line, else 0. Errors as of read_file().
Result<int> for_each_argument(const std::vector<std::string>& arguments,
                              const std::function<Result<void>(std::string_view)>& take);

}  // namespace starttls::listtool
