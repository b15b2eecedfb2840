// What a command line names, or standard input where it says "-", one a line.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace starttls::listtool {

// Takes each argument, and for "-" each line of standard input, without blanks around it; what follows a '#',
// and empty lines, do not count. What `take` refuses is reported on standard error, with its line, and the
// others are taken all the same. Returns the exit status that is due for what was refused: 64 for an
// argument, 65 for a line, else 0. Errors as of read_file().
Result<int> for_each_argument(const std::vector<std::string>& arguments,
                              const std::function<Result<void>(std::string_view)>& take);

}  // namespace starttls::listtool
