#include "command/command.h"

#include <initializer_list>

#include "support.h"

namespace starttls::command {
namespace {

namespace fs = std::filesystem;

struct Context : CommandContext {
  fs::path loaded;  // the configuration file
};

struct Values {
  std::vector<std::string> names;
  bool given = false;
};

void declare(Options& options, Values& values) {
  options.arguments("NAME", values.names, "Names");
  options.flag("--given", values.given, "Needs no configuration");
}

// What ran last.
struct Run {
  std::string command;
  Values values;
  Context context;
};
Run last;

template <int status>
Result<int> run(const Values& values, const Context& context) {
  last = {.command = std::to_string(status), .values = values, .context = context};
  return status;
}

Result<int> run_badly(const Values&, const Context&) {
  return fail(Fault::data, "not a list");
}

DefaultConfig default_config(const Values& values) {
  return values.given ? DefaultConfig::ignored : DefaultConfig::required;
}

Result<int> around(const Values& values, const CommandContext& context, const Body& body) {
  return context.quiet && values.given ? body(LogTarget::syslog).value() + 1 : body(LogTarget::command);
}

int run_tool(const fs::path& default_file, std::initializer_list<const char*> arguments) {
  last = {};
  const Program<Context> program{
      .text = {.name = "tool", .description = "Does something.", .example = "tool list"},
      .common = {.default_config = default_file, .state_dir = "Where it keeps state"},
      .groups = {{.name = "lint", .summary = "Print what is wrong", .example = "tool lint list"}},
      .commands =
          {make_command({.name = "list", .summary = "Print all", .example = "tool list"}, declare, run<3>),
           make_command({.name = "lint list", .summary = "A list", .example = "tool lint list"}, declare,
                        run<4>),
           make_command({.name = "lint keys list", .summary = "Keys", .example = "tool lint keys list"},
                        declare, run<5>),
           make_command({.name = "update", .summary = "Update", .example = "tool update"}, declare, run<0>,
                        default_config, around),
           make_command({.name = "fail", .summary = "Fail", .example = "tool fail"}, declare, run_badly)},
      .load = [](const CommandContext& context) -> Result<Context> {
        if (context.config_file == "wrong") return fail(Fault::config, "wrong:1:1: is wrong");
        return Context{context, context.config_file};
      },
      .state_dir = [](const Context&) { return fs::path("/"); }};
  std::vector<const char*> argv{"tool"};
  argv.insert(argv.end(), arguments);
  return run_program(program, static_cast<int>(argv.size()), argv.data());
}

TEST_CASE("the command of the command line runs, with its values, and its status is the exit status") {
  CHECK(run_tool("/nowhere", {"list", "a", "b"}) == 3);
  CHECK(last.command == "3");
  CHECK(last.values.names == std::vector<std::string>{"a", "b"});
  CHECK(run_tool("/nowhere", {"lint", "list", "c"}) == 4);
  CHECK(last.command == "4");
  CHECK(last.values.names == std::vector<std::string>{"c"});
  CHECK(run_tool("/nowhere", {"lint", "keys", "list", "d"}) == 5);
  CHECK(last.command == "5");
  CHECK(last.values.names == std::vector<std::string>{"d"});
}

TEST_CASE("the options of every command are valid before and after the command") {
  CHECK(run_tool("/nowhere", {"--json", "-v", "lint", "list", "-c", "file", "--state-dir=/state"}) == 4);
  CHECK(last.context.json);
  CHECK(last.context.verbose);
  CHECK_FALSE(last.context.quiet);
  CHECK(last.context.program == "tool");
  CHECK(last.context.config == "file");
  CHECK(last.context.loaded == "file");
  CHECK(last.context.state_dir == "/state");
  CHECK(run_tool("/nowhere", {"list", "--quiet", "--config", "file"}) == 3);
  CHECK(last.context.quiet);
}

TEST_CASE("mistakes in the command line run nothing and exit with 64") {
  for (const auto& arguments : {std::initializer_list<const char*>{},
                                {"unknown"},
                                {"lint"},
                                {"lint", "unknown"},
                                {"lint", "keys"},
                                {"list", "--unknown"},
                                {"list", "-q", "-v"},
                                {"list", "-c", ""},
                                {"list", "--state-dir", ""}}) {
    CHECK(run_tool("/nowhere", arguments) == 64);
    CHECK(last.command.empty());
  }
}

TEST_CASE("the default configuration file is read if the command needs it") {
  const test::TemporaryFolder folder;
  const fs::path file = folder / "tool.toml";
  CHECK(run_tool(file, {"list"}) == 3);
  CHECK(last.context.loaded == "");
  CHECK(run_tool(file, {"update"}) == 0);
  CHECK(last.context.loaded == file);
  test::write(file, "");
  CHECK(run_tool(file, {"list"}) == 3);
  CHECK(last.context.loaded == file);
  CHECK(last.context.config == "");
  CHECK(last.context.config_kind() == FileKind::regular);
  CHECK(run_tool(file, {"update", "--given"}) == 0);
  CHECK(last.context.loaded == "");
  CHECK(run_tool(file, {"update", "--given", "-c", "other"}) == 0);
  CHECK(last.context.loaded == "other");
  CHECK(last.context.config_kind() == FileKind::any);
}

TEST_CASE("an error of the configuration or of the command is the exit status") {
  CHECK(run_tool("/nowhere", {"list", "-c", "wrong"}) == 78);
  CHECK(last.command.empty());
  CHECK(run_tool("/nowhere", {"fail"}) == 65);
}

TEST_CASE("a command may run its body in another way") {
  CHECK(run_tool("/nowhere", {"update", "--given", "-q"}) == 1);
  CHECK(last.context.log == LogTarget::syslog);
  CHECK(run_tool("/nowhere", {"update", "--given"}) == 0);
  CHECK(last.context.log == LogTarget::command);
}

TEST_CASE("each command has its help") {
  CHECK(run_tool("/nowhere", {"--help"}) == 0);
  CHECK(run_tool("/nowhere", {"lint", "--help"}) == 0);
  CHECK(run_tool("/nowhere", {"lint", "list", "--help"}) == 0);
  CHECK(last.command.empty());
}

}  // namespace
}  // namespace starttls::command
