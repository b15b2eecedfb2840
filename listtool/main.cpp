// starttls-listtool: finds the TLS policies of mail domains, for mail servers. Here the command line is
// parsed and handed to its command; starttls-listtool(1) is the manual.

#include "base/access.h"
#include "base/console.h"
#include "base/log.h"
#include "base/text.h"
#include "command/command_line.h"
#include "listtool/options.h"

namespace {

using namespace starttls;
using namespace starttls::listtool;

struct Options {
  Common common;
  VerifyOptions verify;
  LintOptions lint;
  GenerateOptions postfix;
  GenerateOptions sendmail;
  UpdateOptions update;
  LookupOptions lookup;
  DiffOptions diff;
  StsFetchOptions sts_fetch;
  StsRefreshOptions sts_refresh;
  StsCacheOptions sts_cache;
  ServeOptions serve;
  std::string postfix_version;
  std::vector<std::string> next_hops;
};

struct Commands {
  CLI::App* verify = nullptr;
  CLI::App* lint_list = nullptr;
  CLI::App* postfix = nullptr;
  CLI::App* sendmail = nullptr;
  CLI::App* lint_policy = nullptr;
  CLI::App* lint_sts_record = nullptr;
  CLI::App* lint_tlsrpt_record = nullptr;
  CLI::App* update = nullptr;
  CLI::App* lookup = nullptr;
  CLI::App* diff = nullptr;
  CLI::App* sts_fetch = nullptr;
  CLI::App* sts_refresh = nullptr;
  CLI::App* sts_cache = nullptr;
  CLI::App* serve = nullptr;
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
  app.add_option("-c,--config", common.config,
                 std::string("Configuration file (default: ") + default_configuration + ")")
      ->type_name("FILE")
      ->check(not_empty);
  app.add_option("--state-dir", common.state_dir, "Where lists are installed (default: as configured)")
      ->type_name("DIR")
      ->check(not_empty);
  app.add_flag("--json", common.json, "Answer in JSON");
  auto* quiet = app.add_flag("-q,--quiet", common.quiet,
                             "Print nothing but the answer and what makes the command fail");
  app.add_flag("-v,--verbose", common.verbose, "Tell more on standard error")->excludes(quiet);
}

std::vector<CLI::Option*> add_signature(CLI::App& command, SignatureOptions& signature) {
  auto* const files =
      add_repeated(command, "--signature", signature.signatures, "Signature file (default: FILE.minisig)");
  auto* const keys = add_repeated(command, "-P", signature.keys, "Public key, as text; may be repeated");
  auto* const key_files =
      add_repeated(command, "-p", signature.key_files, "Public key file; may be repeated");
  auto* const legacy =
      command.add_flag("--allow-legacy", signature.allow_legacy, "Accept signatures that are not prehashed");
  keys->type_name("KEY");
  return {names_file(files, "SIG"), keys, names_file(key_files, "KEYFILE"), legacy};
}

// By which keys an installed list is verified stands in the configuration, and only there.
void add_lists(CLI::App& command, std::vector<std::filesystem::path>& lists, SignatureOptions& signature) {
  auto* const list = add_repeated(command, "--list", lists,
                                  "A list; later ones overlay earlier ones (default: what is installed)");
  names_file(list, "FILE");
  for (auto* const option : add_signature(command, signature)) option->needs(list);
}

void add_rules(CLI::App& command, bool& early_adopter, std::string& version) {
  command.add_flag("--early-adopter", early_adopter, "Treat mode testing as enforce");
  command
      .add_option("--postfix-version", version,
                  "The Postfix that reads it, as 'postconf -h mail_version' says")
      ->type_name("V")
      ->check(not_empty);
}

void add_map(CLI::App& command, GenerateOptions& options, Mta mta, const char* types) {
  options.map.mta = mta;
  options.map.type = map_types(mta).front();
  names_file(command.add_option("-o", options.map.file, "The map (default: standard output)"), "PATH");
  command.add_option("--type", options.map.type, types)->type_name("T")->check(CLI::IsMember(map_types(mta)));
  add_lists(command, options.lists, options.signature);
}

void add_generate(CLI::App& app, Options& options, Commands& commands) {
  CLI::App* generate =
      add_command(app, "generate", "Write what a mail server reads",
                  "starttls-listtool generate postfix --type cdb -o /etc/postfix/tls_policy");
  generate->require_subcommand(1);
  commands.postfix = add_command(*generate, "postfix", "Write the map for smtp_tls_policy_maps",
                                 "starttls-listtool generate postfix --type cdb -o /etc/postfix/tls_policy\n"
                                 "  and in main.cf: smtp_tls_policy_maps = cdb:/etc/postfix/tls_policy");
  add_map(*commands.postfix, options.postfix, Mta::postfix,
          "texthash (default), cdb, lmdb, hash or btree: as in main.cf");
  add_rules(*commands.postfix, options.postfix.map.early_adopter, options.postfix_version);
  add_repeated(*commands.postfix, "--next-hop", options.next_hops,
               "A smart host as relayhost or a transport map has it, such as '[smtp.example.net]:587'")
      ->type_name("HOP");
  commands.sendmail = add_command(*generate, "sendmail", "Write the map for FEATURE(`sts')",
                                  "starttls-listtool generate sendmail --type hash -o /etc/mail/starttls -v\n"
                                  "  and in the .mc file what -v says");
  add_map(*commands.sendmail, options.sendmail, Mta::sendmail,
          "text (default), hash: the same made into a map; access: for a Sendmail without FEATURE(`sts')");
  commands.sendmail->add_flag("--early-adopter", options.sendmail.map.early_adopter,
                              "Treat mode testing as enforce");
}

void add_lint(CLI::App& app, Commands& commands, LintOptions& options) {
  CLI::App* lint = add_command(app, "lint", "Say everything that is wrong with a file",
                               "starttls-listtool lint list list.json");
  lint->require_subcommand(1);
  const auto add = [&](const char* name, const char* does, const char* says, const char* example) {
    CLI::App* command = add_command(*lint, name, does, example);
    command->add_option("FILE", options.file, says)->required();
    return command;
  };
  commands.lint_list = add("list", "Lint a preload list", "The list; '-' is standard input",
                           "starttls-listtool lint list list.json");
  commands.lint_policy = add("policy", "Lint an MTA-STS policy", "The policy; '-' is standard input",
                             "starttls-listtool lint policy mta-sts.txt");
  commands.lint_sts_record = add("sts-record", "Lint the TXT record of MTA-STS",
                                 "Its text, or what dig +short prints; '-' is standard input",
                                 "starttls-listtool lint sts-record record.txt\n  dig +short TXT "
                                 "_mta-sts.example.com | starttls-listtool lint sts-record -");
  commands.lint_tlsrpt_record = add("tlsrpt-record", "Lint the TXT record of TLS reporting",
                                    "Its text, or what dig +short prints; '-' is standard input",
                                    "starttls-listtool lint tlsrpt-record record.txt\n  dig +short TXT "
                                    "_smtp._tls.example.com | starttls-listtool lint tlsrpt-record -");
}

CLI::App* add_update(CLI::App& app, UpdateOptions& options) {
  CLI::App* command = add_command(app, "update", "Fetch, verify and install lists, and make the maps anew",
                                  "starttls-listtool update --splay 7200\n"
                                  "  twice a day from cron, with the lists and maps of listtool.toml(5)");
  command->add_option("LIST", options.lists, "Names of lists (default: all that are configured)");
  command->add_flag("--force", options.force, "Install a list also where it shrank by more than max_shrink");
  command->add_option("--splay", options.splay_seconds, "Wait for a random part of so many seconds first")
      ->type_name("SECONDS")
      ->check(CLI::Range(0U, 86'400U));
  return command;
}

CLI::App* add_diff(CLI::App& app, DiffOptions& options) {
  CLI::App* diff =
      add_command(app, "diff", "Say what two lists change, domain by domain",
                  "starttls-listtool diff old.json new.json\n"
                  "  cd /var/lib/starttls-toolkit/lists && starttls-listtool diff previous current");
  names_file(diff->add_option("OLD", options.before, "A list, a state directory, or a set in one"), "PATH")
      ->required();
  names_file(diff->add_option("NEW", options.after, "The same"), "PATH")->required();
  add_signature(*diff, options.signature);
  return diff;
}

void add_sts(CLI::App& app, Options& options, Commands& commands) {
  CLI::App* sts = add_command(app, "sts", "Fetch MTA-STS policies, and show what is known of them",
                              "starttls-listtool sts fetch example.com");
  sts->require_subcommand(1);
  commands.sts_fetch = add_command(*sts, "fetch", "Fetch policies now, and keep them",
                                   "starttls-listtool sts fetch example.com example.org\n"
                                   "  starttls-listtool sts fetch - < domains");
  commands.sts_fetch
      ->add_option("DOMAIN", options.sts_fetch.domains, "Domains; '-': one a line on standard input")
      ->required();
  commands.sts_refresh = add_command(*sts, "refresh", "Fetch anew the policies that are due",
                                     "starttls-listtool sts refresh\n"
                                     "  several times a day from cron, where 'serve' does not run");
  commands.sts_refresh->add_flag("--all", options.sts_refresh.all, "Also those that are not due");
  commands.sts_cache = add_command(*sts, "cache", "Show or forget what is known",
                                   "starttls-listtool sts cache\n"
                                   "  starttls-listtool sts cache --purge example.com");
  commands.sts_cache->add_option("DOMAIN", options.sts_cache.domains,
                                 "Domains (default: all); '-': one a line on standard input");
  commands.sts_cache->add_flag("--purge", options.sts_cache.purge, "Forget them");
  commands.sts_cache->add_flag("--all", options.sts_cache.all, "With --purge: forget all");
}

Commands add_commands(CLI::App& app, Options& options) {
  Commands commands;
  commands.verify = add_command(app, "verify", "Check the minisign signature of a file",
                                "starttls-listtool verify list.json -p list.pub");
  names_file(commands.verify->add_option("FILE", options.verify.file, "What was signed"), "FILE")->required();
  add_signature(*commands.verify, options.verify.signature);

  add_lint(app, commands, options.lint);

  add_generate(app, options, commands);
  commands.update = add_update(app, options.update);

  commands.lookup = add_command(app, "lookup", "Say which policy applies to a domain, and why",
                                "starttls-listtool lookup example.com");
  commands.lookup
      ->add_option("DOMAIN", options.lookup.domains,
                   "Recipient domains, or next-hops; '-': one a line on standard input")
      ->required();
  add_rules(*commands.lookup, options.lookup.rules.early_adopter, options.postfix_version);
  add_lists(*commands.lookup, options.lookup.lists, options.lookup.signature);
  commands.lookup->add_flag("--live", options.lookup.live, "Ask the DNS and policy hosts now");

  add_sts(app, options, commands);
  commands.serve = add_command(app, "serve", "Answer Postfix and Sendmail over a socketmap",
                               "starttls-listtool serve\n"
                               "  and in Postfix' main.cf:\n"
                               "  smtp_tls_policy_maps = socketmap:inet:127.0.0.1:8461:postfix");
  commands.serve->add_flag("--check-config", options.serve.check_only,
                           "Say whether it could start with this configuration, and exit");

  commands.diff = add_diff(app, options.diff);
  return commands;
}

// Commands that are given their lists need no configuration; one that is there and wrong does not stop them.
bool needs_configuration(const Commands& commands, const Options& options) {
  return (commands.postfix->parsed() && options.postfix.lists.empty()) ||
         (commands.sendmail->parsed() && options.sendmail.lists.empty()) ||
         (commands.lookup->parsed() && options.lookup.lists.empty()) || commands.update->parsed() ||
         commands.sts_fetch->parsed() || commands.sts_refresh->parsed() || commands.sts_cache->parsed() ||
         commands.serve->parsed();
}

Result<void> configure(const Commands& commands, const Options& options, Common& common) {
  std::filesystem::path file = common.config;
  if (file.empty() && needs_configuration(commands, options)) {
    // What an update does is nowhere else. One that may not be looked at is there all the same.
    std::error_code error;
    const bool is_absent = !std::filesystem::exists(default_configuration, error) && !error;
    if (commands.update->parsed() || !is_absent) file = default_configuration;
  }
  if (!file.empty()) {
    const FileKind kind = common.config.empty() ? FileKind::regular : FileKind::any;
    auto configuration = read_configuration(file, kind);
    if (!configuration) return std::unexpected(configuration.error());
    common.configuration = std::move(*configuration);
  }
  if (!common.state_dir.empty()) common.configuration.state_dir = common.state_dir;
  return {};
}

// What the command line alone cannot say: the clock, the configuration, the Postfix version.
Result<void> complete(const Commands& commands, Options& options) {
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  options.common.now = (*clock)();
  if (!options.postfix_version.empty()) {
    const auto version = postfix::parse_version(options.postfix_version);
    if (!version) return fail(Fault::usage, "--postfix-version: {}", version.error().message);
    options.postfix.map.postfix_version = options.lookup.rules.version = *version;
  }
  for (const std::string& text : options.next_hops) {
    auto next_hop = NextHop::parse(trim(text));
    if (!next_hop) return fail(Fault::usage, "--next-hop: {}", next_hop.error().message);
    options.postfix.map.next_hops.push_back(std::move(*next_hop));
  }
  return configure(commands, options, options.common);
}

Result<int> dispatch(const Commands& commands, const Options& options) {
  if (commands.verify->parsed()) return verify(options.common, options.verify);
  if (commands.lint_list->parsed()) return lint_list(options.common, options.lint);
  if (commands.lint_policy->parsed()) return lint_policy(options.common, options.lint);
  if (commands.lint_sts_record->parsed()) return lint_sts_record(options.common, options.lint);
  if (commands.lint_tlsrpt_record->parsed()) return lint_tlsrpt_record(options.common, options.lint);
  if (commands.postfix->parsed()) return generate(options.common, options.postfix);
  if (commands.sendmail->parsed()) return generate(options.common, options.sendmail);
  if (commands.update->parsed()) return update(options.common, options.update);
  if (commands.diff->parsed()) return diff(options.common, options.diff);
  if (commands.sts_fetch->parsed()) return sts_fetch(options.common, options.sts_fetch);
  if (commands.sts_refresh->parsed()) return sts_refresh(options.common, options.sts_refresh);
  if (commands.sts_cache->parsed()) return sts_cache(options.common, options.sts_cache);
  if (commands.serve->parsed()) return run_serve(options.common, options.serve);
  return lookup(options.common, options.lookup);
}

Result<int> run(int argc, const char* const* argv) {
  CLI::App app(
      "Finds the TLS policies of mail domains, from signed preload lists, MTA-STS and DANE, for mail "
      "servers.",
      program);
  app.require_subcommand(1);
  app.footer(
      "Example:\n  starttls-listtool update\n"
      "  fetches the lists, and writes the maps, that the configuration file names\n"
      "'starttls-listtool COMMAND --help' shows an example of each.");
  Options options;
  add_common(app, options.common);
  const Commands commands = add_commands(app, options);
  if (const auto leave = command::parse_command_line(app, argc, argv)) return *leave;
  if (const auto completed = complete(commands, options); !completed) {
    const auto& file =
        options.common.config.empty() ? std::filesystem::path(default_configuration) : options.common.config;
    return std::unexpected(with_access_advice(completed.error(), file, program));
  }
  start_log(program, LogTarget::command);
  // What makes a command fail is returned; the log has only warnings of what it gets over.
  if (options.common.quiet) set_log_level(LogLevel::off);
  auto done = dispatch(commands, options);
  if (done) return done;
  return std::unexpected(with_access_advice(done.error(), options.common.configuration.state_dir, program));
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(program, [&] { return run(argc, argv); });
}
