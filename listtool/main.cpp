// starttls-listtool: finds the TLS policies of mail domains, for mail servers. This file has the table of its
// commands; the manual is starttls-listtool(1).

#include "base/try.h"
#include "listtool/commands.h"
#include "listtool/mail_server.h"

namespace {

using namespace starttls;
using namespace starttls::listtool;

const std::vector<command::Group> groups{
    {.name = "lint",
     .summary = "Check a list, an MTA-STS policy or a DNS record for errors",
     .example = "starttls-listtool lint list list.json"},
    {.name = "generate",
     .summary = "Write a policy map for Postfix, Sendmail or Exim",
     .example = "starttls-listtool generate postfix --type cdb -o /etc/postfix/tls_policy"},
    {.name = "sts",
     .summary = "Fetch, refresh, show and remove cached MTA-STS policies",
     .example = "starttls-listtool sts fetch example.com"},
    {.name = "publish",
     .summary = "Publish a list of domains that deserve it, from evidence",
     .example = "starttls-listtool publish run"},
    {.name = "publish keys",
     .summary = "Write keys.json, and take the signatures of its root keys",
     .example = "starttls-listtool publish keys sign keys.1.json.minisig"},
};

std::vector<Command> commands() {
  std::vector<Command> table{verify_command(), lint_list_command(), lint_policy_command(),
                             lint_sts_record_command(), lint_tlsrpt_record_command()};
  for (const MailServer* server : mail_servers()) table.push_back(generate_command(*server));
  for (const auto& command : {update_command,
                              lookup_command,
                              sts_fetch_command,
                              sts_refresh_command,
                              sts_cache_command,
                              serve::serve_command,
                              diff_command,
                              doctor_command,
                              check_command,
                              setup_command,
                              publish::init_command,
                              publish::add_command,
                              publish::remove_command,
                              publish::hold_command,
                              publish::import_command,
                              publish::run_command,
                              publish::read_command,
                              publish::receive_command,
                              publish::status_command,
                              publish::why_command,
                              publish::keys_init_command,
                              publish::keys_sign_command,
                              publish::keys_rotate_command,
                              publish::keys_revoke_command,
                              publish::rollback_command,
                              publish::lint_command}) {
    table.push_back(command());
  }
  return table;
}

Result<Context> load(const command::CommandContext& given) {
  Context context{given, {}};
  if (!given.config_file.empty())
    context.configuration = TRY(read_configuration(given.config_file, given.config_kind()));
  if (!given.state_dir.empty()) context.configuration.state_dir = given.state_dir;
  return context;
}

}  // namespace

int main(int argc, char** argv) {
  return command::run_program(
      command::Program<Context>{
          .text = {.name = program,
                   .description =
                       "Find the TLS policy of a mail domain (preload lists, MTA-STS, DANE) and give it to "
                       "Postfix, Sendmail and Exim.",
                   .example = "starttls-listtool update\n"
                              "  fetches the lists, and writes the maps, that the configuration file names"},
          .common = {.default_config = default_configuration,
                     .state_dir = "Use this state directory (default: as configured)"},
          .groups = groups,
          .commands = commands(),
          .load = load,
          .state_dir = [](const Context& context) { return context.configuration.state_dir; }},
      argc, argv);
}
