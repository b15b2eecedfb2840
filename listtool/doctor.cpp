// Gathers the facts about this host, and prints the checks. It changes nothing.

#include <algorithm>

#include "base/console.h"
#include "base/file.h"
#include "base/try.h"
#include "doctor/connection.h"
#include "doctor/host_checks.h"
#include "listtool/commands.h"
#include "listtool/doctor_checks.h"
#include "listtool/doctor_exim.h"
#include "listtool/doctor_postfix.h"
#include "listtool/installed_lists.h"
#include "listtool/map_file.h"
#include "listtool/mta_sts_source.h"
#include "listtool/outputs.h"

namespace starttls::listtool {
namespace {

namespace fs = std::filesystem;

// An address has no policy, so that serve answers at once, without the DNS.
constexpr std::string_view key_without_policy = "[127.0.0.1]";
constexpr const char* resolv_conf = "/etc/resolv.conf";
constexpr const char* cron_job = "/etc/cron.d/starttls-listtool";

struct Values {
  doctor::MailServerChoice mail_servers;
};

void declare(Options& options, Values& values) {
  doctor::mail_server_options(options, values.mail_servers);
}

SocketmapFacts ask(const config::Address& address, std::string_view map) {
  return {.reply = doctor::ask_socketmap(address, fmt::format("{} {}", map, key_without_policy)),
          .socket = doctor::read_path(address.path)};
}

std::map<std::string, SocketmapFacts> ask_socketmaps(const doctor::MailServers& servers) {
  std::map<std::string, SocketmapFacts> facts;
  if (servers.postfix && *servers.postfix) {
    const doctor::Postfix& postfix = **servers.postfix;
    for (const std::string& element : doctor::split_list(postfix.get("smtp_tls_policy_maps"))) {
      const doctor::MapUse use = doctor::parse_map_use(element);
      const doctor::SocketmapUse socketmap = doctor::parse_socketmap_use(use.name);
      const auto address = doctor::address_for(postfix, main_smtp_service(postfix), socketmap.address);
      if (use.type == "socketmap" && address) facts.emplace(element, ask(*address, socketmap.map));
    }
  }
  if (servers.sendmail && *servers.sendmail && (*servers.sendmail)->sts_map) {
    const doctor::SendmailMap map = doctor::parse_sendmail_map(*(*servers.sendmail)->sts_map);
    const auto address = config::parse_address(map.place);
    if (map.type == "socket" && address)
      facts.emplace(map.place, ask(*address, socketmap_dialect(Dialect::sendmail).map));
  }
  if (servers.exim && *servers.exim) {
    const std::string place = serve_place(**servers.exim);
    if (const auto address = serve_address(place))
      facts.emplace(place, ask(*address, socketmap_dialect(Dialect::exim).map));
  }
  return facts;
}

std::string ca_file(const doctor::MailServers& servers) {
  if (servers.postfix && *servers.postfix) return (*servers.postfix)->get("smtp_tls_CAfile");
  if (servers.sendmail && *servers.sendmail) return (*servers.sendmail)->option("CACertFile");
  if (servers.exim && *servers.exim) return trusted_certificates(**servers.exim);
  return "";
}

// The user that the mail server runs as.
std::optional<doctor::UserFacts> mail_owner(const doctor::MailServers& servers) {
  if (servers.postfix && *servers.postfix)
    return doctor::find_user_facts((*servers.postfix)->get("mail_owner"));
  if (servers.exim && *servers.exim) return doctor::find_user_facts((*servers.exim)->option("exim_user"));
  return std::nullopt;
}

Result<std::vector<InstalledList>> read_lists(const Configuration& configuration, Time now) {
  return installed_lists(configuration, TRY(current_set(configuration.state_dir)), now);
}

Result<std::vector<ListFacts>> list_facts(const Result<std::vector<InstalledList>>& lists) {
  if (!lists) return std::unexpected(lists.error());
  std::vector<ListFacts> facts;
  facts.reserve(lists->size());
  for (const InstalledList& list : *lists) {
    facts.push_back({.name = list.facts.name,
                     .is_installed = list.edition.has_value(),
                     .unusable = list.facts.unusable,
                     .expires = list.facts.expires});
  }
  return facts;
}

std::vector<OutputFacts> output_facts(const Configuration& configuration,
                                      const Result<std::vector<InstalledList>>& lists, Time now) {
  const OutputRecords records = OutputRecords::load(configuration.state_dir);
  const auto mta_sts = read_mta_sts_source(configuration, now);
  std::vector<OutputFacts> facts;
  facts.reserve(configuration.outputs.size());
  for (const OutputSettings& output : configuration.outputs) {
    const bool is_current =
        lists && mta_sts &&
        records.is_current(output,
                           map_fingerprint(output, *lists, configuration.overrides, fingerprint(*mta_sts)));
    facts.push_back({.file = doctor::read_path(map_file(output)), .is_current = is_current});
  }
  return facts;
}

std::vector<std::string> wanted_units() {
  std::vector<std::string> units = doctor::mail_server_units();
  units.insert(units.end(), {serve_service, serve_socket, update_timer});
  units.insert(units.end(), std::begin(other_policy_servers), std::end(other_policy_servers));
  return units;
}

OutboundFacts gather(const Values& values, const Context& context) {
  const Configuration& configuration = context.configuration;
  const auto lists = read_lists(configuration, context.now);
  doctor::MailServers servers = doctor::read_mail_servers(values.mail_servers);
  const std::string ca = ca_file(servers);
  std::error_code error;
  OutboundFacts facts{.configuration = configuration,
                      .has_configuration = !context.config_file.empty(),
                      .now = context.now,
                      .mail_servers = std::move(servers),
                      .units = doctor::read_units(wanted_units()),
                      .configuration_file = doctor::read_path(context.config_file),
                      .outputs = output_facts(configuration, lists, context.now),
                      .lists = list_facts(lists),
                      .resolvers = doctor::read_resolvers(resolv_conf),
                      .passes_on_ad = doctor::passes_on_ad(resolv_conf),
                      .ca_file = doctor::read_path(ca),
                      .ca_certificates = doctor::count_certificates(ca),
                      .state_directory = doctor::read_path(configuration.state_dir),
                      .disk = doctor::read_disk(configuration.state_dir),
                      .clock_is_synchronized = doctor::is_clock_synchronized(),
                      .has_cron_job = fs::exists(cron_job, error)};
  facts.socketmaps = ask_socketmaps(facts.mail_servers);
  facts.mail_owner = mail_owner(facts.mail_servers);
  return facts;
}

Result<int> run(const Values& values, const Context& context) {
  const doctor::Checks checks = outbound_checks(gather(values, context));
  TRY(print(context.json ? doctor::to_json(checks) : doctor::to_text(checks, context.quiet)));
  return doctor::exit_status(checks);
}

}  // namespace

Command doctor_command() {
  return make_command({.name = "doctor",
                       .summary = "Check whether this host enforces TLS policies rightly",
                       .example = "starttls-listtool doctor"},
                      declare, run);
}

}  // namespace starttls::listtool
