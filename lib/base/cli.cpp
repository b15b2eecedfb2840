#include "base/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>

#include "base/file.h"

namespace starttls {

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  app.set_version_flag("--version", app.get_name() + " " STARTTLS_VERSION, "Print the version and leave");
  app.get_formatter()->column_width(34);
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version) == 0 ? 0 : static_cast<int>(Fault::internal);
  } catch (const CLI::ParseError& mistake) {
    fmt::print(stderr, "{}: {}\nTry '{} --help'.\n", app.get_name(), mistake.what(), app.get_name());
    return static_cast<int>(Fault::usage);
  }
  return std::nullopt;
}

int guarded(std::string_view program, const std::function<Result<int>()>& body) {
  try {
    const auto status = body();
    return status ? *status : report_error(program, status.error());
  } catch (const std::exception& error) {
    return report_error(program, {.fault = Fault::internal, .message = error.what()});
  }
}

int report_error(std::string_view program, const Error& error) {
  fmt::print(stderr, "{}: {}\n", program, error.message);
  return error.exit_status();
}

Result<void> print(std::string_view answer) {
  if (const int error = write_all(STDOUT_FILENO, answer); error != 0) {
    return fail(Fault::io, "standard output: {}", errno_text(error));
  }
  return {};
}

}  // namespace starttls
