#include <algorithm>
#include <array>

#include "base/console.h"
#include "base/text.h"
#include "command/command_line.h"
#include "report/commands.h"
#include "report/summary_content.h"

namespace starttls::report {
namespace {

constexpr std::array<std::pair<std::string_view, ReceivedBy>, 2> received_words{
    {{"reporter", ReceivedBy::reporter}, {"result-type", ReceivedBy::result_type}}};

Result<SummaryRequest> request_of(const SummaryOptions& options, const Clock& clock) {
  const auto period = period_argument(options.since, options.until, std::chrono::days{6}, clock);
  if (!period) return std::unexpected(period.error());
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  SummaryRequest request{.period = *period, .domain = *domain};
  if (!options.tls_version.empty()) {
    auto version = parse_tls_version(options.tls_version);
    if (!version) return std::unexpected(version.error());
    request.tls_version = std::move(*version);
  }
  if (options.by.empty()) return request;
  request.sessions_by = parse_grouping(options.by);
  const auto received =
      std::ranges::find(received_words, options.by, [](const auto& word) { return word.first; });
  if (received != received_words.end()) request.received_by = received->second;
  if (request.is_overview()) {
    return fail(Fault::usage,
                "--by: '{}' is none of protection, version, day, domain, sender, host, address, mx, cipher, "
                "failure, reporter, result-type",
                printable(options.by));
  }
  if (request.tls_version && (request.received_by || request.sessions_by == Grouping::failure))
    return fail(Fault::usage, "--tls-version: sessions by {} have no TLS version", options.by);
  return request;
}

}  // namespace

void add_summary_command(CLI::App& app, SummaryOptions& options) {
  auto* command =
      app.add_subcommand("summary", "How inbound sessions were protected, and what others report, as tables");
  command->add_option("--since", options.since, "First day (default: six days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today (default) or yesterday")
      ->type_name("DAY");
  command->add_option("--domain", options.domain, "Only sessions with a recipient there")
      ->type_name("DOMAIN");
  command
      ->add_option(
          "--by", options.by,
          "protection, version, day, domain, sender, host, address, mx, cipher or failure; of received "
          "reports reporter or result-type")
      ->type_name("WHAT");
  command
      ->add_option("--tls-version", options.tls_version,
                   "Only sessions with this version: TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3")
      ->type_name("VERSION");
  command->add_flag("--csv", options.csv, "The table for a spreadsheet");
  command->footer("Example:\n  tlsrpt-report summary --since 2026-11-01 --by sender");
}

Result<int> run_summary(const SummaryOptions& options, const Surroundings& surroundings) {
  if (options.csv && surroundings.json) return fail(Fault::usage, "--csv and --json exclude each other");
  const auto request = request_of(options, surroundings.clock);
  if (!request) return std::unexpected(request.error());
  const auto content = read_summary(*request, surroundings);
  if (!content) return std::unexpected(content.error());
  auto printed = print(options.csv         ? to_csv(summary_table(*content, *request))
                       : surroundings.json ? summary_json(*content, *request)
                                           : summary_text(*content, *request, surroundings.configuration));
  if (!printed) return std::unexpected(printed.error());
  return 0;
}

}  // namespace starttls::report
