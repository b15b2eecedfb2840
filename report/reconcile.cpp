#include <algorithm>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "command/command_line.h"
#include "json/json_text.h"
#include "report/commands.h"
#include "report/empty_result.h"
#include "report/reconciliation.h"
#include "report/tables.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

using Comparisons = std::vector<Comparison>;

std::string in_words(const Comparisons& comparisons, const store::Period& period,
                     const Reconciliation& reconciliation, const std::string& why_empty) {
  std::string text = fmt::format("Reported and seen from {} to {} (UTC)\n\n", to_string(period.since),
                                 to_string(period.until));
  std::string uncounted = reconciliation.report_filter().in_words();
  if (!uncounted.empty()) uncounted = paragraph("", uncounted + ".");
  if (!reconciliation.others().empty())
    uncounted += paragraph("", fmt::format("Not compared: reports {}.", reconciliation.others().in_words()));
  if (comparisons.empty()) return text + paragraph("", why_empty) + uncounted;
  Table table{.head = {"Day, reporter, policy domain", "OK", "Failed", "TLS", "Plain", "Finding"},
              .rows = {}};
  std::set<Finding> findings;
  for (const Comparison& one : comparisons) {
    if (one.finding == Finding::matches) continue;
    findings.insert(one.finding);
    table.rows.push_back({fmt::format("{} {}, {}", to_string(one.day), shown_reporter(one.reporter),
                                      shown_policy_domain(one.policy_domain)),
                          std::to_string(one.reported.successful), std::to_string(one.reported.failed),
                          std::to_string(one.seen_tls), std::to_string(one.seen_plaintext),
                          std::string(word_of(one.finding))});
  }
  const std::size_t matching = comparisons.size() - table.rows.size();
  if (!table.rows.empty()) text += in_columns(table, output_width()) + "\n";
  for (const Finding finding : findings) {
    text += paragraph(fmt::format("{:<15}", fmt::format("{}:", word_of(finding))), meaning_of(finding));
  }
  return text + (findings.empty() ? "" : "\n") +
         fmt::format("{} of {} match.\n", matching, counted(comparisons.size(), "comparison")) + uncounted;
}

std::string to_json(const Comparisons& comparisons, const store::Period& period,
                    const Reconciliation& reconciliation) {
  const ReportFilter& report_filter = reconciliation.report_filter();
  json::JsonText json;
  json.begin_object();
  json.member("since", to_string(period.since));
  json.member("until", to_string(period.until));
  json.key("comparisons");
  json.begin_array();
  for (const Comparison& one : comparisons) {
    json.begin_object();
    json.member("day", to_string(one.day));
    json.member("reporter", one.reporter);
    json.member("policy_domain", one.policy_domain);
    json.member("reported_successful", one.reported.successful);
    json.member("reported_failed", one.reported.failed);
    json.member("seen_tls", one.seen_tls);
    json.member("seen_plaintext", one.seen_plaintext);
    json.member("seen_without_mail", one.seen_without_mail);
    json.member("finding", word_of(one.finding));
    json.member("meaning", meaning_of(one.finding));
    json.end_object();
  }
  json.end_array();
  json.member("ignored_reports", report_filter.ignored_reports());
  json.member("ignored_reporters", report_filter.ignored_reporters());
  reconciliation.others().put(json);
  json.end_object();
  return json.take();
}

// Why there is nothing to compare.
Result<std::string> why_nothing(const config::TlsrptConfig& configuration, const OurDomains& facts,
                                const store::Period& period, const std::optional<std::string>& domain) {
  const auto last = last_received(configuration, facts, domain);
  if (!last) return std::unexpected(last.error());
  if (*last && period.contains(**last)) return "No report about these days counts.";
  return why_no_reports(*last, period, domain);
}

}  // namespace

void add_reconcile_command(CLI::App& app, ReconcileOptions& options) {
  auto* command = app.add_subcommand("reconcile", "What reporters say beside what our MX hosts saw of them");
  command->add_option("--since", options.since, "First day (default: 13 days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today or yesterday (default)")
      ->type_name("DAY");
  command->add_option("--domain", options.domain, "Only this policy domain")->type_name("DOMAIN");
  command->footer("Example:\n  tlsrpt-report reconcile --since 2026-11-01");
}

Result<int> run_reconcile(const ReconcileOptions& options, const Surroundings& surroundings) {
  const auto period =
      period_argument(options.since, options.until, std::chrono::days{13}, surroundings.clock);
  if (!period) return std::unexpected(period.error());
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  auto sender_of = store::sending_domain();
  if (!sender_of) return std::unexpected(sender_of.error());
  Reconciliation reconciliation(surroundings.configuration.reporters, std::move(*sender_of),
                                requires_authentication(surroundings.configuration));
  OurDomains facts = our_facts(surroundings, *domain);
  auto done = read_sessions(surroundings.configuration, *period, [&](const auto& of, const auto& count) {
    facts.add(of, count);
    reconciliation.add(of, count);
  });
  if (done) {
    done = read_received(surroundings.configuration, facts, *period, *domain,
                         [&](const Reported& reported) { reconciliation.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  // The report of a day comes the day after.
  const Day last_reported = to_day(surroundings.clock()) - std::chrono::days{2};
  const Comparisons comparisons = reconciliation.comparisons(last_reported);
  std::string why_empty;
  if (comparisons.empty() && !surroundings.json) {
    auto why = why_nothing(surroundings.configuration, facts, *period, *domain);
    if (!why) return std::unexpected(why.error());
    why_empty = std::move(*why);
  }
  auto printed = print(surroundings.json ? to_json(comparisons, *period, reconciliation)
                                         : in_words(comparisons, *period, reconciliation, why_empty));
  if (!printed) return std::unexpected(printed.error());
  const bool all_match =
      std::ranges::all_of(comparisons, [](const Comparison& one) { return one.finding == Finding::matches; });
  return all_match ? 0 : 1;
}

}  // namespace starttls::report
