// The one form of commands in all programs, and of a program that has them.
//
// A command is a file that holds its values, its declaration and its run, and exports one function:
//
//   struct Values { std::vector<std::string> lists; bool force = false; };
//   void declare(Options& options, Values& values) { options.flag("--force", values.force, "..."); }
//   Result<int> run(const Values& values, const Context& context) { ... return 0; }
//
//   Command<Context> update_command() {
//     return command::make_command({.name = "update", .summary = "Fetch, verify and install lists",
//                     .example = "starttls-listtool update --splay 7200"}, declare, run);
//   }
//
// main.cpp is the table of commands: see Program. A program without commands uses parse().
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/access.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/result.h"
#include "command/options.h"

namespace starttls::command {

// The context of every command of every program. Each program derives its own context, which adds its
// configuration.
struct CommandContext {
  std::string program;                // "tlsrpt-report", as it begins its messages
  std::filesystem::path config;       // of -c; empty where it was not given
  std::filesystem::path config_file;  // to be read: that of -c or the default one; empty where there is none
  std::filesystem::path state_dir;    // of --state-dir; empty: as configured
  bool json = false;                  // the answer is for machines
  bool quiet = false;                 // only the answer, and what makes the command fail
  bool verbose = false;
  LogTarget log = LogTarget::command;
  Clock clock;
  Time now;  // of the start

  // What config_file may be: a default one is read by services too, where a pipe or device would block.
  FileKind config_kind() const { return config.empty() ? FileKind::regular : FileKind::any; }
};

// "PROGRAM: warning: message" on standard error, unless quiet.
void warn(const CommandContext& context, std::string_view message);

// Whether the default configuration file is read where there is no -c.
enum class DefaultConfig {
  ignored,   // the command line has all settings
  optional,  // where it exists
  required,  // it is an error where it does not exist
};

struct CommandText {
  std::string name;     // "update"; of a group's command all words: "generate postfix"
  std::string summary;  // imperative, without full stop: "Fetch, verify and install lists"
  std::string example;  // the lines below "Example:" in --help
};

// What --help shows for the first word of commands such as `generate postfix`.
using Group = CommandText;

// Loads the configuration and runs the command, logging to the target.
using Body = std::function<Result<int>(LogTarget target)>;

// A command without its run.
struct CommandSyntax {
  CommandText text;
  std::function<void(Options& options)> declare;
  // Asked when the command line has been parsed. Not set: optional.
  std::function<DefaultConfig()> default_config;
  // Runs the body in another way, such as in a child process. Not set: it is called with LogTarget::command.
  std::function<Result<int>(const CommandContext& context, const Body& body)> around;
};

// `Context` is the program's own, derived from CommandContext.
template <class Context>
struct Command {
  CommandSyntax syntax;
  // The exit status; an Error where there is no answer.
  std::function<Result<int>(const Context& context)> run;
};

// A command whose `declare` fills the values that its `run` takes. The last two are the members of
// CommandSyntax, for commands whose values decide.
template <class Values, class Context>
Command<Context> make_command(
    CommandText text, const std::type_identity_t<std::function<void(Options&, Values&)>>& declare,
    Result<int> (*run)(const Values&, const Context&),
    const std::type_identity_t<std::function<DefaultConfig(const Values&)>>& default_config = nullptr,
    const std::type_identity_t<std::function<Result<int>(const Values&, const CommandContext&, const Body&)>>&
        around = nullptr) {
  auto values = std::make_shared<Values>();
  Command<Context> command;
  command.syntax.text = std::move(text);
  command.syntax.declare = [values, declare](Options& options) { declare(options, *values); };
  if (default_config)
    command.syntax.default_config = [values, default_config] { return default_config(*values); };
  if (around) {
    command.syntax.around = [values, around](const CommandContext& context, const Body& body) {
      return around(*values, context, body);
    };
  }
  command.run = [values, run](const Context& context) { return run(*values, context); };
  return command;
}

struct ProgramText {
  std::string name;         // "starttls-listtool"
  std::string description;  // a sentence
  std::string example;      // the lines below "Example:" in --help
};

// The --help texts of the options that all commands of a program have, and the default file.
struct CommonText {
  std::filesystem::path default_config;
  std::string state_dir;  // "Where lists are installed (default: as configured)"
};

template <class Context>
struct Program {
  ProgramText text;
  CommonText common;
  std::vector<Group> groups;
  std::vector<Command<Context>> commands;
  // Reads the configuration (see CommandContext::config_file).
  std::function<Result<Context>(const CommandContext& context)> load;
  // The directory about which users without rights to it get advice.
  std::function<std::filesystem::path(const Context& context)> state_dir;
};

// The part of run_program() that is the same for all contexts; `run` gets the place of the command in
// `commands`.
int run_commands(const ProgramText& text, const CommonText& common, const std::vector<Group>& groups,
                 const std::vector<CommandSyntax>& commands,
                 const std::function<Result<int>(std::size_t command, const CommandContext& context)>& run,
                 int argc, const char* const* argv);

// The body of main(): parses the command line, starts the log, loads the configuration, runs the command and
// reports its error, with advice where rights are missing (access.h). Returns the exit status.
template <class Context>
int run_program(const Program<Context>& program, int argc, const char* const* argv) {
  std::vector<CommandSyntax> commands;
  commands.reserve(program.commands.size());
  for (const auto& command : program.commands) commands.push_back(command.syntax);
  const auto run = [&](std::size_t command, const CommandContext& given) -> Result<int> {
    const auto context = program.load(given);
    if (!context)
      return std::unexpected(with_access_advice(context.error(), given.config_file, given.program));
    auto status = program.commands[command].run(*context);
    if (status) return status;
    return std::unexpected(with_access_advice(status.error(), program.state_dir(*context), given.program));
  };
  return run_commands(program.text, program.common, program.groups, commands, run, argc, argv);
}

// The options that mean the same in every program, for a program that declares its options itself.
Option config_option(Options& options, std::filesystem::path& config,
                     const std::filesystem::path& default_config);
Option state_dir_option(Options& options, std::filesystem::path& state_dir, const std::string& help);
Option json_option(Options& options, bool& json);
void quiet_and_verbose_options(Options& options, bool& quiet, bool& verbose);

// Parses the command line of a program without commands, with --help and --version. Nothing: the program
// continues. A number: it must exit with this status at once, 0 after --help or --version, 64 after a
// mistake, which is reported.
std::optional<int> parse(const ProgramText& text, const std::function<void(Options& options)>& declare,
                         int argc, const char* const* argv);

}  // namespace starttls::command
