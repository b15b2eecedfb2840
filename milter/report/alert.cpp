#include "base/cli.h"
#include "json/json_text.h"
#include "milter/report/alert_reading.h"
#include "milter/report/commands.h"
#include "milter/report/tables.h"

namespace starttls::milter {
namespace {

// Nothing where there is nothing: cron sends no mail then.
std::string in_words(const std::vector<Alert>& alerts, Day day, const AlertWatch& watch) {
  if (alerts.empty()) return {};
  std::string text =
      fmt::format("TLS of inbound mail, up to {} (UTC): {} attention\n", to_text(day),
                  alerts.size() == 1 ? "1 thing needs" : fmt::format("{} things need", alerts.size()));
  for (const Alert& alert : alerts) text += "\n" + paragraph("* ", alert.message);
  if (const std::string uncounted = watch.counted_reports().in_words(); !uncounted.empty())
    text += "\n" + paragraph("", uncounted + ".");
  return text;
}

std::string to_json(const std::vector<Alert>& alerts, Day day, const AlertWatch& watch) {
  JsonText json;
  json.begin_object();
  json.member("day", to_text(day));
  json.key("alerts");
  json.begin_array();
  for (const Alert& alert : alerts) {
    json.begin_object();
    json.member("kind", alert.kind);
    json.member("message", alert.message);
    json.end_object();
  }
  json.end_array();
  json.member("uncounted_reports", watch.counted_reports().uncounted_reports());
  json.member("uncounted_reporters", watch.counted_reports().uncounted_reporters());
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
      ->add_option("--least-sessions", settings.least_sessions,
                   "Below which a share says nothing (default 20)")
      ->type_name("NUMBER");
  command
      ->add_option("--silent-days", settings.silent_days,
                   "Days without a report after which a regular reporter is missed (default 3)")
      ->type_name("NUMBER");
  command
      ->add_option("--expired-sessions", settings.expired_sessions,
                   "Sessions that may not find a certificate expired (default 1)")
      ->type_name("NUMBER");
  command->footer("Example:\n  tlsrpt-report alert --failure-share 2");
}

Result<int> run_alert(const AlertOptions& options, const Surroundings& surroundings) {
  const auto day = day_argument(options.day, surroundings.clock);
  if (!day) return std::unexpected(day.error());
  const auto watch = read_alerts(surroundings, options.settings, *day);
  if (!watch) return std::unexpected(watch.error());
  const std::vector<Alert> alerts = watch->alerts();
  auto printed = print(surroundings.json ? to_json(alerts, *day, *watch) : in_words(alerts, *day, *watch));
  if (!printed) return std::unexpected(printed.error());
  return alerts.empty() ? 0 : 1;
}

}  // namespace starttls::milter
