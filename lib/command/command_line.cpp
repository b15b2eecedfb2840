#include "command/command_line.h"

#include <fmt/format.h>

#include <string>
#include <vector>

#include "base/console.h"
#include "base/result.h"
#include "base/text.h"

namespace starttls::command {
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

}  // namespace starttls::command
