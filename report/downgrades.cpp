#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/downgrade_list.h"
#include "report/empty_result.h"
#include "report/tables.h"
#include "store/open_store.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

using Entries = std::vector<DowngradeEntry>;

constexpr std::size_t max_addresses = 3;       // of one sender and day in the text
constexpr std::chrono::days default_days{27};  // before the last one

struct Values {
  PeriodValues period;
};

void declare(Options& options, Values& values) {
  period_options(options, values.period, "27 days before the last");
}

void to_json(json::JsonText& json, const DowngradeEntry& entry) {
  const store::Downgrade& downgrade = entry.downgrade;
  json.begin_object();
  json.member("sender", downgrade.sender);
  json.member("day", to_string(downgrade.day));
  json.member("plaintext_sessions", downgrade.sessions);
  json.member("first_plaintext", to_rfc3339(downgrade.first_plaintext));
  json.member("tls_sessions", downgrade.tls_sessions);
  json.member("last_tls", to_rfc3339(downgrade.last_tls));
  json.member("best_tls", downgrade.best_tls);
  json.member("addresses", entry.addresses);
  json.end_object();
}

std::string to_json(const Entries& entries, const store::Period& period) {
  json::JsonText json;
  json.begin_object();
  json.member("since", to_string(period.since));
  json.member("until", to_string(period.until));
  json.key("downgrades");
  json.begin_array();
  for (const DowngradeEntry& entry : entries) to_json(json, entry);
  json.end_array();
  json.end_object();
  return json.take();
}

// Each entry needs three lines: a table would be wider than a terminal.
std::string render(const Entries& entries, const store::Period& period) {
  if (entries.empty()) {
    return fmt::format("No sender that used TLS before came without it from {} to {}.\n",
                       to_string(period.since), to_string(period.until));
  }
  std::string text;
  for (const DowngradeEntry& entry : entries) {
    const store::Downgrade& downgrade = entry.downgrade;
    text += fmt::format("{}  {}\n", to_string(downgrade.day), printable(downgrade.sender));
    text += fmt::format("  {} in plaintext, first at {}{}\n", counted(downgrade.sessions, "session"),
                        to_rfc3339(downgrade.first_plaintext),
                        entry.addresses.empty() ? "" : ", from " + list_some(entry.addresses, max_addresses));
    text += fmt::format("  before: {} with TLS, at most {}, the last at {}\n",
                        counted(downgrade.tls_sessions, "session"), printable(downgrade.best_tls),
                        to_rfc3339(downgrade.last_tls));
  }
  return text;
}

Result<int> run(const Values& values, const Context& context) {
  const store::Period period = TRY(parse_period(values.period, default_days, context.clock));
  const store::StoreLocation location = store_location(context.configuration);
  const store::DailyCounts counts = TRY(store::read_counts(location, period));
  const store::SendingDomainFinder sending_domain = TRY(store::sending_domain());
  const auto downgrades = TRY(store::read_downgrades(location, period));
  const Entries entries = downgrade_entries(downgrades, counts, sending_domain);
  std::string text = context.json ? to_json(entries, period) : render(entries, period);
  if (counts.empty() && entries.empty() && !context.json) {
    const Recorded recorded = TRY(read_recorded(context.configuration, period, std::nullopt));
    text = paragraph(
        "", why_no_sessions(recorded, context.configuration.state_dir.string(), period, std::nullopt));
  }
  TRY(print(text));
  return 0;
}

}  // namespace

Command downgrades_command() {
  return make_command({.name = "downgrades",
                       .summary = "List senders that used TLS before and came without it",
                       .example = "tlsrpt-report downgrades --since 2026-11-01"},
                      declare, run);
}

}  // namespace starttls::report
