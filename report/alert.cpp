#include "base/console.h"
#include "command/command_line.h"
#include "json/json_text.h"
#include "report/commands.h"
#include "report/our_domains.h"
#include "report/publication_changes.h"
#include "report/published.h"
#include "report/read_alerts.h"
#include "report/tables.h"
#include "tlsrptdb/own_domains.h"
#include "tlsrptdb/report_store.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days mx_hosts_kept{60};

Result<void> keep(tlsrptdb::OwnDomains& own, const PublicationChanges& changes,
                  const std::vector<tlsrptdb::SeenMxHost>& hosts, Time now) {
  for (const tlsrptdb::Publication& one : changes.to_keep) {
    if (auto kept = own.keep(one); !kept) return kept;
  }
  for (const tlsrptdb::Publication& one : changes.to_forget) {
    if (auto forgotten = own.forget(one); !forgotten) return forgotten;
  }
  for (const tlsrptdb::SeenMxHost& host : hosts) {
    if (auto kept = own.keep(host); !kept) return kept;
  }
  return own.forget_mx_hosts(now - mx_hosts_kept);
}

// Nothing where there is nothing: cron sends no mail then.
std::string in_words(const std::vector<Alert>& alerts, Day day, const AlertCollection& watch) {
  if (alerts.empty()) return {};
  std::string text =
      fmt::format("TLS of inbound mail, up to {} (UTC): {} attention\n", to_string(day),
                  alerts.size() == 1 ? "1 thing needs" : fmt::format("{} things need", alerts.size()));
  for (const Alert& alert : alerts) text += "\n" + paragraph("* ", alert.message);
  if (const std::string uncounted = watch.report_filter().in_words(); !uncounted.empty())
    text += "\n" + paragraph("", uncounted + ".");
  return text;
}

std::string to_json(const std::vector<Alert>& alerts, Day day, const AlertCollection& watch) {
  json::JsonText json;
  json.begin_object();
  json.member("day", to_string(day));
  json.key("alerts");
  json.begin_array();
  for (const Alert& alert : alerts) {
    json.begin_object();
    json.member("kind", alert.kind);
    json.member("message", alert.message);
    json.end_object();
  }
  json.end_array();
  json.member("ignored_reports", watch.report_filter().ignored_reports());
  json.member("ignored_reporters", watch.report_filter().ignored_reporters());
  watch.others().put(json);
  json.end_object();
  return json.take();
}

}  // namespace

void add_alert_command(CLI::App& app, AlertOptions& options) {
  AlertSettings& settings = options.settings;
  auto* command = app.add_subcommand("alert", "Says what needs a person, and nothing else: for cron");
  command
      ->add_option("--day", options.day,
                   "Last day that is looked at: YYYY-MM-DD, today or yesterday (default)")
      ->type_name("DAY");
  command
      ->add_option("--failure-share", settings.failure_share,
                   "Percent of the sessions that may fail (default 1)")
      ->type_name("PERCENT");
  command
      ->add_option("--least-sessions", settings.min_sessions, "Below which a share says nothing (default 20)")
      ->type_name("NUMBER");
  command
      ->add_option("--silent-days", settings.silent_days,
                   "Days without a report after which a regular reporter is missed (default 3)")
      ->type_name("NUMBER");
  command
      ->add_option("--expired-sessions", settings.expired_sessions,
                   "Sessions that may not find a certificate expired (default 1)")
      ->type_name("NUMBER");
  command->add_flag("--no-lookup", options.no_lookup, "Do not ask what our domains publish now");
  command->footer("Example:\n  tlsrpt-report alert --failure-share 2");
}

namespace {

// Asks what our domains publish and which MX hosts they have, keeps it, and adds what is gone. What cannot be
// kept, since only the service may write there, is compared all the same.
Result<void> look_up(const Surroundings& surroundings, std::vector<Alert>& alerts) {
  const std::set<std::string> domains = our_domains(surroundings.configuration);
  if (domains.empty()) return {};
  Lookup lookup(surroundings);
  const auto hosts = lookup.mx_hosts(domains);
  if (!hosts) return std::unexpected(hosts.error());
  const auto looked_up = lookup.publications(domains);
  if (!looked_up) return std::unexpected(looked_up.error());
  const auto file = tlsrptdb::report_file(surroundings.configuration.state_dir);
  auto own = tlsrptdb::OwnDomains::open(file, store::Access::owner);
  const bool is_writable = own.has_value();
  if (!own) own = tlsrptdb::OwnDomains::open(file, store::Access::read);
  if (!own) return std::unexpected(own.error());
  const auto known = own->publications();
  if (!known) return std::unexpected(known.error());
  const Time now = surroundings.clock();
  const PublicationChanges changes = compare(*known, *looked_up, now);
  for (const MissingPublication& gone : changes.gone)
    alerts.push_back({.kind = "publication-gone", .message = in_words(gone)});
  std::vector<tlsrptdb::SeenMxHost> seen;
  for (const auto& [domain, names] : *hosts) {
    for (const std::string& name : names) {
      seen.push_back({.policy_domain = domain, .host = name, .seen = now});
    }
  }
  auto kept = is_writable ? keep(*own, changes, seen, now) : Result<void>();
  if (!kept && !surroundings.quiet)
    print_warning(report_program, "what our domains publish cannot be kept: " + kept.error().message);
  return {};
}

}  // namespace

Result<int> run_alert(const AlertOptions& options, const Surroundings& surroundings) {
  const auto day = day_argument(options.day, surroundings.clock);
  if (!day) return std::unexpected(day.error());
  std::vector<Alert> gone;
  if (!options.no_lookup) {
    // What else needs attention is said all the same.
    auto done = look_up(surroundings, gone);
    if (!done && !surroundings.quiet)
      print_warning(report_program, "what our domains publish cannot be looked up: " + done.error().message);
  }
  const auto watch = read_alerts(surroundings, options.settings, *day);
  if (!watch) return std::unexpected(watch.error());
  std::vector<Alert> alerts = watch->alerts();
  alerts.insert(alerts.end(), gone.begin(), gone.end());
  auto printed = print(surroundings.json ? to_json(alerts, *day, *watch) : in_words(alerts, *day, *watch));
  if (!printed) return std::unexpected(printed.error());
  return alerts.empty() ? 0 : 1;
}

}  // namespace starttls::report
