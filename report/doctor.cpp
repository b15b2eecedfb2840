// Gathers the facts about this host, and prints the checks. It changes nothing.

#include "base/console.h"
#include "base/file.h"
#include "base/try.h"
#include "doctor/connection.h"
#include "doctor/host_checks.h"
#include "journal/segment.h"
#include "outbound/open_store.h"
#include "report/commands.h"
#include "report/doctor_checks.h"
#include "report/doctor_collector.h"
#include "report/doctor_exim.h"
#include "report/doctor_postfix.h"
#include "report/doctor_sendmail.h"
#include "report/empty_result.h"
#include "store/open_store.h"
#include "store/store_config.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::days recent_days{14};

struct Values {
  doctor::MailServerChoice mail_servers;
};

void declare(Options& options, Values& values) {
  doctor::mail_server_options(options, values.mail_servers);
}

// Searches the last days first: the whole store may be large.
Result<std::optional<Day>> last_session(const config::TlsrptConfig& configuration, Time now) {
  const store::Period recent{.since = to_day(now) - recent_days, .until = to_day(now) + std::chrono::days(1)};
  std::optional<Day> last;
  TRY(store::read_counts(store::store_location(configuration), recent,
                         [&](const auto& session_class, const auto&) {
                           last = std::max(last.value_or(session_class.day), session_class.day);
                         }));
  if (last) return last;
  return TRY(read_recorded(configuration, recent, std::nullopt)).last;
}

Result<std::set<Day>> days_with_results(const config::TlsrptConfig& configuration, Time now) {
  const store::Period all{.since = Day(), .until = to_day(now) + std::chrono::days(1)};
  std::set<Day> days;
  for (const auto& [day, total] :
       TRY(outbound::read_counts(store::store_location(configuration), all, "", {}))) {
    if (total.results > 0) days.insert(day);
  }
  return days;
}

std::optional<Waiting> read_waiting(const fs::path& journal) {
  Waiting waiting;
  std::error_code error;
  for (fs::directory_iterator entry(journal, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().extension() != journal::segment_suffix) continue;
    const doctor::PathFacts segment = doctor::read_path(entry->path());
    // The segment that is written now has no session yet.
    if (!segment.exists() || segment.size <= journal::segment_magic.size()) continue;
    waiting.oldest = waiting.segments == 0 ? segment.modified : std::min(waiting.oldest, segment.modified);
    ++waiting.segments;
  }
  if (error) return std::nullopt;
  return waiting;
}

auto read_certificates(const doctor::MailServers& servers) {
  decltype(InboundFacts::certificates) certificates;
  const auto read = [&](const char* name, const std::vector<doctor::CertificateFiles>& wanted) {
    for (const doctor::CertificateFiles& files : wanted) {
      for (doctor::ServerCertificate& each : doctor::read_server_certificates(files))
        certificates[name].push_back(std::move(each));
    }
  };
  if (servers.postfix && *servers.postfix) read("Postfix", certificate_files(**servers.postfix));
  if (servers.sendmail && *servers.sendmail) read("Sendmail", certificate_files(**servers.sendmail));
  if (servers.exim && *servers.exim) read("Exim", certificate_files(**servers.exim));
  return certificates;
}

InboundFacts gather(const Values& values, const Context& context) {
  const config::TlsrptConfig& configuration = context.configuration;
  const config::MilterConfig& milter = configuration.milter;
  std::vector<std::string> units = doctor::mail_server_units();
  units.insert(units.end(), {milter_unit, collector_unit, send_timer, outbound_timer, queue_timer});
  InboundFacts facts{
      .configuration = configuration,
      .now = context.now,
      .mail_servers = doctor::read_mail_servers(values.mail_servers),
      .units = doctor::read_units(units),
      .configuration_file = doctor::read_path(context.config_file),
      .store_warnings = store::store_warnings(configuration),
      .socket = doctor::read_path(milter.socket.path),
      .milter_answer = doctor::ask_milter(milter.socket),
      .service_user = doctor::find_user_facts(milter.user.empty() ? config::default_user : milter.user),
      .state_directory = doctor::read_path(configuration.state_dir),
      .disk = doctor::read_disk(configuration.state_dir),
      .clock_is_synchronized = doctor::is_clock_synchronized(),
      .last_session = last_session(configuration, context.now),
      .waiting = read_waiting(store::journal_directory(configuration.state_dir)),
      .collector = {.socket = doctor::read_path(configuration.collector.socket.path),
                    .answer = doctor::find_receiver(configuration.collector.socket.path),
                    .queue_length = doctor::read_queue_length(),
                    .waiting = read_waiting(outbound::journal_directory(configuration.state_dir)),
                    .days = days_with_results(configuration, context.now)}};
  if (const auto& postfix = facts.mail_servers.postfix; postfix && *postfix)
    facts.mail_owner = doctor::find_user_facts((*postfix)->get("mail_owner"));
  if (const auto& exim = facts.mail_servers.exim; exim && *exim)
    facts.exim_user = doctor::find_user_facts((*exim)->option("exim_user"));
  if (milter.mta_log.starts_with('/')) facts.log = doctor::read_path(milter.mta_log);
  const config::CollectorConfig& collector = configuration.collector;
  facts.collector.user =
      doctor::find_user_facts(collector.user.empty() ? config::default_user : collector.user);
  if (collector.mta_log.starts_with('/')) facts.collector.log = doctor::read_path(collector.mta_log);
  facts.certificates = read_certificates(facts.mail_servers);
  return facts;
}

Result<int> run(const Values& values, const Context& context) {
  const doctor::Checks checks = inbound_checks(gather(values, context));
  TRY(print(context.json ? doctor::to_json(checks) : doctor::to_text(checks, context.quiet)));
  return doctor::exit_status(checks);
}

}  // namespace

Command doctor_command() {
  return make_command(
      {.name = "doctor",
       .summary = "Check whether this host records inbound sessions and outbound results rightly",
       .example = "tlsrpt-report doctor"},
      declare, run);
}

}  // namespace starttls::report
