// Errors are values: a function that can fail returns Result<T>.
//
// An Error has one clear sentence for the user (no trailing newline; it names the file, the position and the
// reason) and the Fault that decides the exit status. No exception crosses a component.
#pragma once

#include <fmt/format.h>

#include <expected>
#include <string>
#include <utility>

namespace starttls {

// What kind of failure; the values are the exit statuses of sysexits.h(3head).
enum class Fault {
  usage = 64,          // the command line is wrong
  data = 65,           // input is malformed, unverifiable, expired or rolled back
  unavailable = 69,    // a needed service or program is missing
  internal = 70,       // our own mistake
  cannot_create = 73,  // an output file cannot be written
  io = 74,             // reading or writing failed
  temporary = 75,      // may work later: try again
  permission = 77,     // not allowed
  config = 78,         // the configuration is wrong
};

struct Error {
  Fault fault = Fault::internal;
  std::string message;

  int exit_status() const { return static_cast<int>(fault); }
};

template <class T = void>
using Result = std::expected<T, Error>;

// fail(Fault::data, "{}: not a list", path) makes the error side of any Result.
template <class... Args>
std::unexpected<Error> fail(Fault fault, fmt::format_string<Args...> format, Args&&... args) {
  return std::unexpected(Error{fault, fmt::format(format, std::forward<Args>(args)...)});
}

}  // namespace starttls
