// starttls-listtool: turns signed preload lists into what mail servers read. Here the command line is parsed
// and handed to its command; starttls-listtool(1) is the manual.

#include <map>

#include "base/cli.h"
#include "base/settings.h"
#include "listtool/options.h"

namespace {

using namespace starttls;
using namespace starttls::listtool;

struct Options {
  Common common;
  VerifyOptions verify;
  LintListOptions lint_list;
  GenerateOptions generate;
  GenerateSendmailOptions generate_sendmail;
  LookupOptions lookup;
  std::string postfix_version;
};

struct Commands {
  CLI::App* verify = nullptr;
  CLI::App* lint_list = nullptr;
  CLI::App* generate_postfix = nullptr;
  CLI::App* generate_sendmail = nullptr;
  CLI::App* lookup = nullptr;
};

CLI::App* add_command(CLI::App& above, const char* name, const char* does, const char* example) {
  CLI::App* command = above.add_subcommand(name, does);
  command->fallthrough();
  command->footer(
      std::string("Options of every command, such as --json: see starttls-listtool --help\n\nExample:\n  ") +
      example);
  return command;
}

// An empty value, as of an unset variable in a script, is not the same as no option.
std::string not_empty(const std::string& value) {
  return value.empty() ? "its value is empty" : "";
}

// An option that names a file, which may be neither empty nor '-': only lint reads standard input.
CLI::Option* names_file(CLI::Option* option, const char* type) {
  return option->type_name(type)->check([](const std::string& value) -> std::string {
    if (value == "-") return "takes a file, not standard input or output ('-')";
    return value.empty() ? "takes a file, and none is named" : "";
  });
}

// One value each time, so that what follows is not taken for another one.
template <class T>
CLI::Option* add_repeated(CLI::App& command, const char* name, std::vector<T>& values, const char* says) {
  return command.add_option(name, values, says)
      ->expected(1)
      ->allow_extra_args(false)
      ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
}

void add_common(CLI::App& app, Common& common) {
  app.add_option("-c,--config", common.config, "Configuration file")->type_name("FILE")->check(not_empty);
  app.add_option("--state-dir", common.state_dir, "Where lists are kept")->type_name("DIR");
  app.add_flag("--json", common.json, "Answer in JSON");
  auto* quiet = app.add_flag("-q,--quiet", common.quiet, "No warnings, only errors");
  app.add_flag("-v,--verbose", common.verbose, "Tell more on standard error")->excludes(quiet);
}

void add_signature(CLI::App& command, SignatureOptions& signature) {
  names_file(
      add_repeated(command, "--signature", signature.signatures, "Signature file (default: FILE.minisig)"),
      "SIG");
  add_repeated(command, "-P", signature.keys, "Public key, as text; may be repeated")->type_name("KEY");
  names_file(add_repeated(command, "-p", signature.key_files, "Public key file; may be repeated"), "KEYFILE");
  command.add_flag("--allow-legacy", signature.allow_legacy, "Accept signatures that are not prehashed");
}

void add_lists(CLI::App& command, std::vector<std::filesystem::path>& lists) {
  names_file(add_repeated(command, "--list", lists, "A list; later ones overlay earlier ones"), "FILE")
      ->required();
}

void add_rules(CLI::App& command, postfix::Rules& rules, std::string& version) {
  command.add_flag("--early-adopter", rules.early_adopter, "Treat mode testing as enforce");
  command
      .add_option("--postfix-version", version,
                  "The Postfix that reads it, as 'postconf -h mail_version' says")
      ->type_name("V")
      ->check(not_empty);
}

CLI::App* add_generate_sendmail(CLI::App& generate, GenerateSendmailOptions& options) {
  static const std::map<std::string, sendmail::MapType> types{{"text", sendmail::MapType::text},
                                                              {"access", sendmail::MapType::access}};
  CLI::App* command =
      add_command(generate, "sendmail", "Write the map for FEATURE(`sts'), as input of makemap",
                  "starttls-listtool generate sendmail --list list.json -p list.pub -o /etc/mail/starttls\n"
                  "  makemap hash /etc/mail/starttls < /etc/mail/starttls");
  add_lists(*command, options.lists);
  names_file(command->add_option("-o", options.output, "The map (default: standard output)"), "PATH");
  command
      ->add_option("--type", options.type,
                   "text: for FEATURE(`sts'); access: for the access map of a Sendmail without it")
      ->type_name("T")
      ->transform(CLI::CheckedTransformer(types));
  command->add_flag("--early-adopter", options.rules.early_adopter, "Treat mode testing as enforce");
  add_signature(*command, options.signature);
  return command;
}

Commands add_commands(CLI::App& app, Options& options) {
  Commands commands;
  commands.verify = add_command(app, "verify", "Check the minisign signature of a file",
                                "starttls-listtool verify list.json -p list.pub");
  names_file(commands.verify->add_option("FILE", options.verify.file, "What was signed"), "FILE")->required();
  add_signature(*commands.verify, options.verify.signature);

  CLI::App* lint = add_command(app, "lint", "Say everything that is wrong with a file",
                               "starttls-listtool lint list list.json");
  lint->require_subcommand(1);
  commands.lint_list =
      add_command(*lint, "list", "Lint a preload list", "starttls-listtool lint list list.json");
  commands.lint_list->add_option("FILE", options.lint_list.file, "The list; '-' is standard input")
      ->required();

  CLI::App* generate = add_command(
      app, "generate", "Write what a mail server reads",
      "starttls-listtool generate postfix --list list.json -p list.pub -o /etc/postfix/tls_policy");
  generate->require_subcommand(1);
  commands.generate_postfix = add_command(
      *generate, "postfix", "Write the map for smtp_tls_policy_maps",
      "starttls-listtool generate postfix --list list.json -p list.pub -o /etc/postfix/tls_policy\n"
      "  and in main.cf: smtp_tls_policy_maps = texthash:/etc/postfix/tls_policy");
  add_lists(*commands.generate_postfix, options.generate.lists);
  names_file(commands.generate_postfix->add_option("-o", options.generate.output,
                                                   "The map (default: standard output)"),
             "PATH");
  add_rules(*commands.generate_postfix, options.generate.rules, options.postfix_version);
  add_signature(*commands.generate_postfix, options.generate.signature);

  commands.generate_sendmail = add_generate_sendmail(*generate, options.generate_sendmail);

  commands.lookup = add_command(app, "lookup", "Say which policy applies to a domain, and why",
                                "starttls-listtool lookup example.com --list list.json -p list.pub");
  commands.lookup->add_option("DOMAIN", options.lookup.domains, "Recipient domains")->required();
  add_lists(*commands.lookup, options.lookup.lists);
  add_rules(*commands.lookup, options.lookup.rules, options.postfix_version);
  add_signature(*commands.lookup, options.lookup.signature);
  return commands;
}

// What the command line alone cannot say: the clock, the configuration, the Postfix version.
Result<void> complete(Options& options) {
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  options.common.now = (*clock)();
  if (!options.common.config.empty()) {
    auto settings = Settings::load(options.common.config);
    if (!settings) return std::unexpected(settings.error());
    std::filesystem::path state_dir;
    settings->path("state_dir", state_dir);
    if (options.common.state_dir.empty()) options.common.state_dir = state_dir;
    if (const auto finished = settings->finish(); !finished) return finished;
  }
  if (!options.postfix_version.empty()) {
    const auto version = postfix::parse_version(options.postfix_version);
    if (!version) return fail(Fault::usage, "--postfix-version: {}", version.error().message);
    options.generate.rules.version = options.lookup.rules.version = *version;
  }
  return {};
}

Result<int> dispatch(const Commands& commands, const Options& options) {
  if (commands.verify->parsed()) return verify(options.common, options.verify);
  if (commands.lint_list->parsed()) return lint_list(options.common, options.lint_list);
  if (commands.generate_postfix->parsed()) return generate_postfix(options.common, options.generate);
  if (commands.generate_sendmail->parsed()) {
    return generate_sendmail(options.common, options.generate_sendmail);
  }
  return lookup(options.common, options.lookup);
}

Result<int> run(int argc, const char* const* argv) {
  CLI::App app("Turns signed preload lists into TLS policies for mail servers.", program);
  app.require_subcommand(1);
  app.footer(
      "Example:\n  starttls-listtool generate postfix --list list.json -p list.pub -o "
      "/etc/postfix/tls_policy\n"
      "'starttls-listtool COMMAND --help' shows an example of each.");
  Options options;
  add_common(app, options.common);
  const Commands commands = add_commands(app, options);
  if (const auto leave = parse_command_line(app, argc, argv)) return *leave;
  if (const auto completed = complete(options); !completed) return std::unexpected(completed.error());
  return dispatch(commands, options);
}

}  // namespace

int main(int argc, char** argv) {
  return guarded(program, [&] { return run(argc, argv); });
}
