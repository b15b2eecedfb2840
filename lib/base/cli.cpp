#include "base/cli.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "base/file.h"
#include "base/journal.h"
#include "base/text.h"

namespace starttls {

namespace {

// CLI11 misses a command before it looks at the word that was given in its place.
std::string what_is_wrong(const CLI::App& app, const CLI::ParseError& mistake) {
  const auto words = app.remaining(true);
  if (mistake.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) && !words.empty()) {
    return fmt::format("'{}' is no command or option here", printable(words.front(), 100));
  }
  return printable(mistake.what());
}

// CLI11 takes "[host]" for a list of one; with a blank in front, which its reader removes, it does not.
std::vector<std::string> with_brackets_kept(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  for (std::string& argument : arguments) {
    if (argument.starts_with('[') && argument.ends_with(']')) argument.insert(0, " ");
  }
  return arguments;
}

// Whoever starts us without one of them would find our messages in the first file that we open.
void open_standard_descriptors() {
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; ++fd) {
    // The lowest number that is free is this one.
    if (::fcntl(fd, F_GETFD) == -1) (void)!::open("/dev/null", O_RDWR);
  }
}

// `origin` says whose line it is, which the journal knows by itself.
void print_line(Priority priority, std::string_view origin, std::string_view message) {
  const std::string text =
      is_journal(STDERR_FILENO) ? with_priority(priority, message) : fmt::format("{}{}\n", origin, message);
  (void)write_all(STDERR_FILENO, text);
}

}  // namespace

std::optional<int> parse_command_line(CLI::App& app, int argc, const char* const* argv) {
  app.set_version_flag("--version", app.get_name() + " " STARTTLS_VERSION, "Print the version and leave");
  app.get_formatter()->column_width(34);
  const auto arguments = with_brackets_kept(argc, argv);
  std::vector<const char*> pointers;
  pointers.reserve(arguments.size());
  for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
  try {
    app.parse(argc, pointers.data());
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version) == 0 ? 0 : static_cast<int>(Fault::internal);
  } catch (const CLI::ParseError& mistake) {
    print_error(app.get_name(),
                fmt::format("{}\nTry '{} --help'.", what_is_wrong(app, mistake), app.get_name()));
    return static_cast<int>(Fault::usage);
  }
  return std::nullopt;
}

void tell(std::string_view program, std::string_view message) {
  print_line(Priority::info, fmt::format("{}: ", program), message);
}

void print_warning(std::string_view program, std::string_view message) {
  print_line(Priority::warning, fmt::format("{}: warning: ", program), message);
}

void print_error(std::string_view program, std::string_view message) {
  print_line(Priority::error, fmt::format("{}: ", program), message);
}

int guarded(std::string_view program, const std::function<Result<int>()>& body) {
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
