#include "base/console.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>

#include "base/file.h"
#include "base/journal.h"

namespace starttls {

namespace {

// If we were started without one of these descriptors, the first file that we open would get its number, and
// our messages would be written to that file.
void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // open(2) returns the lowest free number, which is fd.
    if (::fcntl(fd, F_GETFD) == -1) (void)!::open("/dev/null", O_RDWR);
  }
}

// `origin` names the program that logs the line. The journal adds it itself.
void print_line(Priority priority, std::string_view origin, std::string_view message) {
  const std::string text =
      is_journal(STDERR_FILENO) ? with_priority(priority, message) : fmt::format("{}{}\n", origin, message);
  (void)write_all(STDERR_FILENO, text);
}

}  // namespace

void print_info(std::string_view program, std::string_view message) {
  print_line(Priority::info, fmt::format("{}: ", program), message);
}

void print_warning(std::string_view program, std::string_view message) {
  print_line(Priority::warning, fmt::format("{}: warning: ", program), message);
}

void print_error(std::string_view program, std::string_view message) {
  print_line(Priority::error, fmt::format("{}: ", program), message);
}

int run_main(std::string_view program, const std::function<Result<int>()>& body) {
  open_standard_descriptors();
  try {
    const auto status = body();
    return status ? *status : report_error(program, status.error());
  } catch (const std::exception& error) {
    return report_error(program, {.fault = Fault::internal, .message = error.what()});
  }
}

int report_error(std::string_view program, const Error& error) {
  print_error(program, error.message);
  return error.exit_status();
}

Result<void> print(std::string_view answer) {
  if (const int error = write_all(STDOUT_FILENO, answer); error != 0) {
    return fail(Fault::io, "standard output: {}", errno_text(error));
  }
  return {};
}

}  // namespace starttls
