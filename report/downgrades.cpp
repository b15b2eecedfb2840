#include "base/console.h"
#include "base/counted.h"
#include "base/domain.h"
#include "base/text.h"
#include "command/command_line.h"
#include "json/json_text.h"
#include "report/commands.h"
#include "report/downgrade_list.h"
#include "report/empty_result.h"
#include "report/tables.h"
#include "store/open_store.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

using Entries = std::vector<DowngradeEntry>;

constexpr std::size_t max_addresses = 3;  // that a person is shown of one sender and day

void put(json::JsonText& json, const DowngradeEntry& entry) {
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
  for (const DowngradeEntry& entry : entries) put(json, entry);
  json.end_array();
  json.end_object();
  return json.take();
}

// An entry takes three lines: a table of all this would not fit a screen.
std::string to_lines(const Entries& entries, const store::Period& period) {
  if (entries.empty()) {
    return fmt::format("No sender that had used TLS came without it from {} to {}.\n",
                       to_string(period.since), to_string(period.until));
  }
  std::string text;
  for (const DowngradeEntry& entry : entries) {
    const store::Downgrade& downgrade = entry.downgrade;
    text += fmt::format("{}  {}\n", to_string(downgrade.day), printable(downgrade.sender));
    text += fmt::format("  {} in plaintext, first at {}{}\n", counted(downgrade.sessions, "session"),
                        to_rfc3339(downgrade.first_plaintext),
                        entry.addresses.empty() ? "" : ", from " + list_some(entry.addresses, max_addresses));
    text += fmt::format("  before: {} with up to {}, the last at {}\n",
                        counted(downgrade.tls_sessions, "session"), printable(downgrade.best_tls),
                        to_rfc3339(downgrade.last_tls));
  }
  return text;
}

}  // namespace

void add_downgrades_command(CLI::App& app, DowngradesOptions& options) {
  auto* command = app.add_subcommand("downgrades", "Senders that had used TLS and came without it");
  command->add_option("--since", options.since, "First day (default: 27 days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today (default) or yesterday")
      ->type_name("DAY");
  command->footer("Example:\n  tlsrpt-report downgrades --since 2026-11-01");
}

Result<int> run_downgrades(const DowngradesOptions& options, const Surroundings& surroundings) {
  const auto period =
      period_argument(options.since, options.until, std::chrono::days{27}, surroundings.clock);
  if (!period) return std::unexpected(period.error());
  const store::StoreLocation place = store_location(surroundings.configuration);
  const auto counts = store::read_counts(place, *period);
  if (!counts) return std::unexpected(counts.error());
  const auto sender_of = store::sending_domain();
  if (!sender_of) return std::unexpected(sender_of.error());
  const auto downgrades = store::read_downgrades(place, *period);
  if (!downgrades) return std::unexpected(downgrades.error());
  const Entries entries = downgrade_entries(*downgrades, *counts, *sender_of);
  std::string text = surroundings.json ? to_json(entries, *period) : to_lines(entries, *period);
  if (counts->empty() && entries.empty() && !surroundings.json) {
    const auto recorded = read_recorded(surroundings.configuration, *period, std::nullopt);
    if (!recorded) return std::unexpected(recorded.error());
    text = paragraph(
        "", why_no_sessions(*recorded, surroundings.configuration.state_dir.string(), *period, std::nullopt));
  }
  auto printed = print(text);
  if (!printed) return std::unexpected(printed.error());
  return 0;
}

void add_forget_command(CLI::App& app, ForgetOptions& options) {
  auto* command =
      app.add_subcommand("forget", "Forget that senders have used TLS, so that plaintext is no downgrade");
  command->add_option("SENDER", options.senders, "Sending domain, as 'downgrades' names it")
      ->type_name("")
      ->required();
  command->footer("Example:\n  tlsrpt-report forget sender.example");
}

Result<int> run_forget(const ForgetOptions& options, const Surroundings& surroundings) {
  std::vector<DomainName> domains;
  for (const std::string& sender : options.senders) {
    auto domain = DomainName::parse(sender);
    if (!domain) return fail(Fault::usage, "{}", domain.error().message);
    domains.push_back(std::move(*domain));
  }
  const store::StoreLocation place = store_location(surroundings.configuration);
  const auto sender_of = store::sending_domain();
  if (!sender_of) return std::unexpected(sender_of.error());
  const auto store = store::open_store(place, store::Access::read_write);
  if (!store) return std::unexpected(store.error());
  const auto waiting = store::senders_in_journal(place, *sender_of);
  if (!waiting) return std::unexpected(waiting.error());
  int status = 0;
  for (const DomainName& domain : domains) {
    const auto forgotten = (*store)->forget_sender(domain.str(), surroundings.clock());
    if (!forgotten) return std::unexpected(forgotten.error());
    const bool was_known = *forgotten || waiting->contains(domain.str());
    if (!was_known) status = 1;
    const auto* const what = was_known ? "forgotten" : "nothing was known of it";
    if (auto told = print(fmt::format("{}: {}\n", domain.str(), what)); !told)
      return std::unexpected(told.error());
  }
  return status;
}

}  // namespace starttls::report
