#include <algorithm>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/empty_result.h"
#include "report/our_domains.h"
#include "report/own_results.h"
#include "report/reconciliation.h"
#include "report/tables.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

using Comparisons = std::vector<Comparison>;

constexpr std::chrono::days default_days{13};  // before the last one

struct Values {
  PeriodValues period{.since = {}, .until = "yesterday"};
  std::optional<std::string> domain;
};

void declare(Options& options, Values& values) {
  period_options(options, values.period, "13 days before the last");
  options.option("--domain", values.domain, "DOMAIN", "Only this policy domain");
}

std::string render(const Comparisons& comparisons, const store::Period& period,
                   const Reconciliation& reconciliation, const std::string& why_empty) {
  std::string text = fmt::format("Reported (OK, Failed) and seen (TLS, Plain) from {} to {} (UTC)\n\n",
                                 to_string(period.since), to_string(period.until));
  std::string ignored = reconciliation.report_filter().description();
  if (!ignored.empty()) ignored = paragraph("", ignored + ".");
  if (!reconciliation.others().empty())
    ignored += paragraph("", fmt::format("Not compared: reports {}.", reconciliation.others().description()));
  if (comparisons.empty()) return text + paragraph("", why_empty) + ignored;
  Table table{.head = {"Day, reporter, policy domain", "OK", "Failed", "TLS", "Plain", "Result"}, .rows = {}};
  std::set<ComparisonResult> results;
  for (const Comparison& one : comparisons) {
    if (one.result == ComparisonResult::matches) continue;
    results.insert(one.result);
    table.rows.push_back({fmt::format("{} {}, {}", to_string(one.day), shown_reporter(one.reporter),
                                      shown_policy_domain(one.policy_domain)),
                          std::to_string(one.reported.successful), std::to_string(one.reported.failed),
                          std::to_string(one.seen_tls), std::to_string(one.seen_plaintext),
                          std::string(to_string(one.result))});
  }
  const std::size_t matching = comparisons.size() - table.rows.size();
  if (!table.rows.empty()) text += to_columns(table, output_width()) + "\n";
  for (const ComparisonResult result : results) {
    text += paragraph(fmt::format("{:<15}", fmt::format("{}:", to_string(result))), meaning(result));
  }
  return text + (results.empty() ? "" : "\n") +
         fmt::format("{} of {} match.\n", matching, counted(comparisons.size(), "comparison")) + ignored;
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
    json.member("result", to_string(one.result));
    json.member("meaning", meaning(one.result));
    json.end_object();
  }
  json.end_array();
  json.member("ignored_reports", report_filter.ignored_reports());
  json.member("ignored_reporters", report_filter.ignored_reporters());
  reconciliation.others().to_json(json);
  json.end_object();
  return json.take();
}

// Why there is nothing to compare.
Result<std::string> why_nothing(const config::TlsrptConfig& configuration, const OurDomains& ours,
                                const store::Period& period, const std::optional<std::string>& domain) {
  const auto last = TRY(last_received(configuration, ours, domain));
  if (last && period.contains(*last)) return "No report about these days counts.";
  return why_no_reports(last, period, domain);
}

Result<int> run(const Values& values, const Context& context) {
  const config::TlsrptConfig& configuration = context.configuration;
  const store::Period period = TRY(parse_period(values.period, default_days, context.clock));
  const std::optional<std::string> domain = TRY(parse_domain_option(values.domain));
  Reconciliation reconciliation(configuration.reporters, TRY(store::sending_domain()),
                                requires_authentication(configuration));
  OurDomains ours = load_our_domains(context, domain);
  TRY(read_sessions(configuration, period, [&](const auto& sessions, const auto& count) {
    ours.add(sessions, count);
    reconciliation.add(sessions, count);
  }));
  TRY(read_received(configuration, ours, period, domain,
                    [&](const Reported& reported) { reconciliation.add(reported); }));
  TRY(read_own_results(context, ours, period, domain,
                       [&](const Reported& reported) { reconciliation.add(reported); }));
  // The report about a day arrives on the day after.
  const Day last_reported = to_day(context.clock()) - std::chrono::days{2};
  const Comparisons comparisons = reconciliation.comparisons(last_reported);
  std::string why_empty;
  if (comparisons.empty() && !context.json) why_empty = TRY(why_nothing(configuration, ours, period, domain));
  TRY(print(context.json ? to_json(comparisons, period, reconciliation)
                         : render(comparisons, period, reconciliation, why_empty)));
  const bool all_match = std::ranges::all_of(
      comparisons, [](const Comparison& one) { return one.result == ComparisonResult::matches; });
  return all_match ? 0 : 1;
}

}  // namespace

Command reconcile_command() {
  return make_command({.name = "reconcile",
                       .summary = "Compare received reports with the sessions that were recorded",
                       .example = "tlsrpt-report reconcile --since 2026-11-01"},
                      declare, run);
}

}  // namespace starttls::report
