// Reads the arguments of a command line, or of standard input or a file (one on each line).
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/domain.h"
#include "base/result.h"

namespace starttls::listtool {

// Calls `take` with each line of a text. Removes blanks around a line, and ignores empty lines and what follows a '#'. If
// `take` rejects one, prints the error with `name`, that of the file, and its line on standard error and continues with
// the others. Returns how many lines were rejected.
std::size_t for_each_line(std::string_view name, std::string_view text,
                          const std::function<Result<void>(std::string_view)>& take);

// Calls `take` with each argument, and for "-" with each line of standard input. If `take` rejects one, prints the error
// on standard error and continues with the others. Returns the exit status for what was rejected: 64 for an argument, 65
// for a line, else 0. Errors as of read_file().
Result<int> for_each_argument(const std::vector<std::string>& arguments,
                              const std::function<Result<void>(std::string_view)>& take);

struct Domains {
  std::vector<DomainName> domains;  // each once, in their order
  int status = 0;                   // the exit status for arguments that are no domain names
};

// The domains in arguments and, for "-", on standard input.
Result<Domains> read_domains(const std::vector<std::string>& arguments);

}  // namespace starttls::listtool
