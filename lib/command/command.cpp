#include "command/command.h"

#include <fmt/format.h>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <iterator>
#include <map>

#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "base/version.h"

namespace starttls::command {
namespace {

namespace fs = std::filesystem;

// CLI11 reports a missing command before it reports the wrong word that was given instead.
std::string mistake_text(const CLI::App& app, const CLI::ParseError& mistake) {
  const auto words = app.remaining(true);
  const bool is_missing = mistake.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError);
  if (is_missing && !words.empty())
    return fmt::format("unknown command or option '{}'", printable(words.front(), 100));
  if (is_missing && mistake.what() == std::string_view("A subcommand is required"))
    return "a command is required";
  return printable(mistake.what());
}

// CLI11 reads "[host]" as a list of one value. A blank before it, which Options removes again, prevents that.
std::vector<std::string> keep_brackets(int argc, const char* const* argv) {
  std::vector<std::string> arguments(argv, argv + argc);
  for (std::string& argument : arguments) {
    if (argument.starts_with('[') && argument.ends_with(']')) argument.insert(0, " ");
  }
  return arguments;
}

std::string example_footer(std::string_view example) {
  return fmt::format("Example:\n  {}", example);
}

// Prints --help without the names of CLI11's types, and without the options that exclude or need another.
class HelpFormatter final : public CLI::Formatter {
 public:
  HelpFormatter() {
    label("SUBCOMMAND", "COMMAND");
    column_width(34);
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const std::string type = option->get_type_name();
    std::string text = option->get_type_size() == 0 || type.empty() ? "" : " " + type;
    if (option->get_expected_max() == CLI::detail::expected_max_vector_size) text += " ...";
    return text;
  }
};

void set_up(CLI::App& app) {
  app.formatter(std::make_shared<HelpFormatter>());
  app.set_version_flag("--version", fmt::format("{} {}", app.get_name(), version()),
                       "Print the version and exit");
}

std::optional<int> parse_app(CLI::App& app, int argc, const char* const* argv) {
  const auto arguments = keep_brackets(argc, argv);
  std::vector<const char*> pointers;
  std::ranges::transform(arguments, std::back_inserter(pointers), &std::string::c_str);
  try {
    app.parse(argc, pointers.data());
  } catch (const CLI::Success& help_or_version) {
    return app.exit(help_or_version) == 0 ? 0 : static_cast<int>(Fault::internal);
  } catch (const CLI::ParseError& mistake) {
    print_error(app.get_name(),
                fmt::format("{}\nTry '{} --help'.", mistake_text(app, mistake), app.get_name()));
    return static_cast<int>(Fault::usage);
  }
  return std::nullopt;
}

// The commands of a program in CLI11's form.
class Parser {
 public:
  Parser(const ProgramText& text, const CommonText& common, const std::vector<Group>& groups,
         CommandContext& context)
      : app_(text.description, text.name), groups_(groups) {
    set_up(app_);
    app_.require_subcommand(1);
    app_.fallthrough();  // options of the program may follow the command, too
    app_.footer(fmt::format("{}\n'{} COMMAND --help' shows an example of each.", example_footer(text.example),
                            text.name));
    Options options(app_);
    config_option(options, context.config, common.default_config);
    state_dir_option(options, context.state_dir, common.state_dir);
    json_option(options, context.json);
    quiet_and_verbose_options(options, context.quiet, context.verbose);
  }

  void add(const CommandSyntax& command) {
    CLI::App* const app = add_app(command.text);
    Options options(*app);
    command.declare(options);
    commands_.push_back(app);
  }

  std::optional<int> parse(int argc, const char* const* argv) { return parse_app(app_, argc, argv); }

  // The command that was given.
  std::size_t command() const {
    const auto it = std::ranges::find_if(commands_, [](const CLI::App* app) { return app->parsed(); });
    return static_cast<std::size_t>(it - commands_.begin());
  }

 private:
  // The group is added with its first command, so that --help keeps the order of the table.
  CLI::App& group(const std::string& name) {
    if (const auto known = group_apps_.find(name); known != group_apps_.end()) return *known->second;
    const auto text = std::ranges::find(groups_, name, &Group::name);
    CLI::App* const app = add_app(text == groups_.end() ? Group{.name = name} : *text)->require_subcommand(1);
    group_apps_.emplace(name, app);
    return *app;
  }

  // By its last word, below the group of the words before it.
  CLI::App* add_app(const CommandText& text) {
    const std::size_t blank = text.name.rfind(' ');
    const bool is_alone = blank == std::string::npos;
    CLI::App& parent = is_alone ? app_ : group(text.name.substr(0, blank));
    CLI::App* const app =
        parent.add_subcommand(is_alone ? text.name : text.name.substr(blank + 1), text.summary);
    app->group("Commands");
    app->footer(fmt::format("Options of every command, such as --json: see {} --help\n\n{}", app_.get_name(),
                            example_footer(text.example)));
    return app;
  }

  CLI::App app_;
  const std::vector<Group>& groups_;
  std::map<std::string, CLI::App*> group_apps_;
  std::vector<CLI::App*> commands_;
};

// A default file counts as present if we may not check: reading it then reports why.
fs::path config_file(const CommandContext& context, const fs::path& default_config, DefaultConfig use) {
  if (!context.config.empty() || use == DefaultConfig::ignored) return context.config;
  std::error_code error;
  const bool is_absent = !fs::exists(default_config, error) && !error;
  return is_absent && use == DefaultConfig::optional ? fs::path() : default_config;
}

Result<void> complete(CommandContext& context, const CommandSyntax& command, const CommonText& common) {
  context.clock = TRY(program_clock());
  context.now = context.clock();
  const auto use = command.default_config ? command.default_config() : DefaultConfig::optional;
  context.config_file = config_file(context, common.default_config, use);
  return {};
}

void start_log(const CommandContext& context) {
  starttls::start_log(context.program, context.log);
  // An error that makes a command fail is returned. The log has only warnings about errors that the command
  // survives.
  if (context.quiet && context.log == LogTarget::command) set_log_level(LogLevel::off);
  if (context.verbose) set_log_level(LogLevel::debug);
}

}  // namespace

void warn(const CommandContext& context, std::string_view message) {
  if (!context.quiet) print_warning(context.program, message);
}

Option config_option(Options& options, fs::path& config, const fs::path& default_config) {
  return options
      .option("-c,--config", config, "FILE",
              fmt::format("Read this configuration file (default: {})", default_config.string()))
      .check(not_empty);
}

Option state_dir_option(Options& options, fs::path& state_dir, const std::string& help) {
  return options.option("--state-dir", state_dir, "DIR", help).check(not_empty);
}

Option json_option(Options& options, bool& json) {
  return options.flag("--json", json, "Print the answer as JSON");
}

void quiet_and_verbose_options(Options& options, bool& quiet, bool& verbose) {
  const Option is_quiet = options.flag("-q,--quiet", quiet, "Print only the answer and errors");
  options.flag("-v,--verbose", verbose, "Log more to standard error").excludes(is_quiet);
}

int run_commands(const ProgramText& text, const CommonText& common, const std::vector<Group>& groups,
                 const std::vector<CommandSyntax>& commands,
                 const std::function<Result<int>(std::size_t command, const CommandContext& context)>& run,
                 int argc, const char* const* argv) {
  return run_main(text.name, [&]() -> Result<int> {
    CommandContext context{.program = text.name};
    Parser parser(text, common, groups, context);
    for (const CommandSyntax& command : commands) parser.add(command);
    if (const auto status = parser.parse(argc, argv)) return *status;
    const std::size_t chosen = parser.command();
    const auto body = [&](LogTarget target) -> Result<int> {
      context.log = target;
      start_log(context);
      if (auto completed = complete(context, commands[chosen], common); !completed)
        return std::unexpected(completed.error());
      return run(chosen, context);
    };
    return commands[chosen].around ? commands[chosen].around(context, body) : body(LogTarget::command);
  });
}

std::optional<int> parse(const ProgramText& text, const std::function<void(Options& options)>& declare,
                         int argc, const char* const* argv) {
  CLI::App app(text.description, text.name);
  set_up(app);
  app.footer(example_footer(text.example));
  Options options(app);
  declare(options);
  return parse_app(app, argc, argv);
}

}  // namespace starttls::command
