#include <array>

#include "base/console.h"
#include "base/try.h"
#include "json/json_text.h"
#include "report/arguments.h"
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

struct Values {
  std::string day = "yesterday";
  bool no_lookup = false;
  AlertSettings settings;
};

struct Threshold {
  const char* option;
  std::uint64_t AlertSettings::* value;
  const char* help;
};
constexpr std::array thresholds{
    Threshold{"--min-sessions", &AlertSettings::min_sessions, "Ignore shares of fewer sessions than this"},
    Threshold{"--silent-days", &AlertSettings::silent_days,
              "Days without a report before a regular reporter is reported missing"},
    Threshold{"--expired-sessions", &AlertSettings::expired_sessions,
              "Report an expired certificate from this many sessions on"},
};

void declare(Options& options, Values& values) {
  options.option("--day", values.day, "DAY", "Last day to examine: YYYY-MM-DD, today or yesterday (default)");
  options.option(
      "--failure-share", values.settings.failure_share, "PERCENT",
      fmt::format("Percent of the sessions that may fail (default: {:g})", values.settings.failure_share));
  for (const Threshold& one : thresholds) {
    std::uint64_t& value = values.settings.*one.value;
    options.option(one.option, value, "NUMBER", fmt::format("{} (default: {})", one.help, value));
  }
  options.flag("--no-lookup", values.no_lookup, "Do not look up what the policy domains publish");
}

Result<void> keep(tlsrptdb::OwnDomains& own, const PublicationChanges& changes,
                  const std::vector<tlsrptdb::SeenMxHost>& hosts, Time now) {
  for (const tlsrptdb::Publication& one : changes.to_keep) {
    TRY(own.keep(one));
  }
  for (const tlsrptdb::Publication& one : changes.to_forget) {
    TRY(own.forget(one));
  }
  for (const tlsrptdb::SeenMxHost& host : hosts) {
    TRY(own.keep(host));
  }
  return own.forget_mx_hosts(now - mx_hosts_kept);
}

// Empty if there is no alert: then cron sends no mail.
std::string render(const std::vector<Alert>& alerts, Day day, const AlertCollection& collection) {
  if (alerts.empty()) return {};
  std::string text =
      fmt::format("TLS of inbound mail, up to {} (UTC): {} attention\n", to_string(day),
                  alerts.size() == 1 ? "1 thing needs" : fmt::format("{} things need", alerts.size()));
  for (const Alert& alert : alerts) text += "\n" + paragraph("* ", alert.message);
  if (const std::string ignored = collection.report_filter().description(); !ignored.empty())
    text += "\n" + paragraph("", ignored + ".");
  return text;
}

std::string to_json(const std::vector<Alert>& alerts, Day day, const AlertCollection& collection) {
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
  json.member("ignored_reports", collection.report_filter().ignored_reports());
  json.member("ignored_reporters", collection.report_filter().ignored_reporters());
  collection.others().to_json(json);
  json.end_object();
  return json.take();
}

// Looks up what our domains publish and which MX hosts they have, stores it, and adds an alert for what is
// missing. Only the user of the service can write to the store. For other users nothing is stored, but the
// comparison is made.
Result<void> look_up(const Context& context, std::vector<Alert>& alerts) {
  const std::set<std::string> domains = configured_domains(context.configuration);
  if (domains.empty()) return {};
  Lookup lookup(context);
  const auto hosts = TRY(lookup.mx_hosts(domains));
  const auto looked_up = TRY(lookup.publications(domains));
  const auto file = tlsrptdb::report_file(context.configuration.state_dir);
  auto own = tlsrptdb::OwnDomains::open(file, store::Access::owner);
  const bool is_writable = own.has_value();
  if (!own) own = tlsrptdb::OwnDomains::open(file, store::Access::read);
  if (!own) return std::unexpected(own.error());
  const auto known = TRY(own->publications());
  const Time now = context.clock();
  const PublicationChanges changes = compare(known, looked_up, now);
  for (const MissingPublication& gone : changes.gone)
    alerts.push_back({.kind = "publication-gone", .message = description(gone)});
  std::vector<tlsrptdb::SeenMxHost> seen;
  for (const auto& [domain, names] : hosts) {
    for (const std::string& name : names) {
      seen.push_back({.policy_domain = domain, .host = name, .seen = now});
    }
  }
  auto kept = is_writable ? keep(*own, changes, seen, now) : Result<void>();
  if (!kept) command::warn(context, "cannot store what our domains publish: " + kept.error().message);
  return {};
}

Result<int> run(const Values& values, const Context& context) {
  const Day day = TRY(parse_day_option("--day", values.day, context.clock));
  std::vector<Alert> missing;
  if (!values.no_lookup) {
    // If this fails, the other alerts are still reported.
    if (auto done = look_up(context, missing); !done)
      command::warn(context, "cannot look up what our domains publish: " + done.error().message);
  }
  const AlertCollection collection = TRY(read_alerts(context, values.settings, day));
  std::vector<Alert> alerts = collection.alerts();
  alerts.insert(alerts.end(), missing.begin(), missing.end());
  TRY(print(context.json ? to_json(alerts, day, collection) : render(alerts, day, collection)));
  return alerts.empty() ? 0 : 1;
}

}  // namespace

Command alert_command() {
  return make_command({.name = "alert",
                       .summary = "Print what needs attention, nothing otherwise (for cron)",
                       .example = "tlsrpt-report alert --failure-share 2"},
                      declare, run);
}

}  // namespace starttls::report
