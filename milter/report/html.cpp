#include "base/cli.h"
#include "base/file_draft.h"
#include "milter/report/commands.h"
#include "milter/report/page.h"
#include "store/ledger.h"

namespace starttls::milter {
namespace {

Result<PageContent> read_content(const store::Period& period, const std::optional<std::string>& domain,
                                 const Surroundings& surroundings) {
  const Configuration& configuration = surroundings.configuration;
  OurFacts facts = our_facts(surroundings, domain);
  PageContent content{.period = period, .domain = domain};
  const std::pair<Grouping, GroupedFigures&> parts[] = {
      {Grouping::protection, content.protection}, {Grouping::day, content.days},
      {Grouping::domain, content.domains},        {Grouping::host, content.senders},
      {Grouping::cipher, content.ciphers},        {Grouping::failure, content.failures}};
  std::vector<Groups> groups;
  for (const auto& [by, figures] : parts) groups.emplace_back(by, domain);
  const store::Place place = place_of(configuration);
  auto done = read_sessions(configuration, period, [&](const auto& of, const auto& count) {
    facts.add(of, count);
    for (Groups& group : groups) group.add(of, count);
  });
  for (std::size_t at = 0; at < groups.size(); ++at) parts[at].second = groups[at].figures();
  if (done) {
    done = read_received(configuration, facts, period, domain,
                         [&](const Reported& reported) { content.received.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  // Which policy domain a downgraded session was for is not kept.
  if (!domain) {
    auto downgrades = store::read_downgrades(place, period);
    if (!downgrades) return std::unexpected(downgrades.error());
    content.downgrades = std::move(*downgrades);
  }
  return content;
}

}  // namespace

void add_html_command(CLI::App& app, HtmlOptions& options) {
  auto* command = app.add_subcommand("html", "The figures as one page with charts, safe to mail around");
  command->add_option("-o", options.file, "Where to write it; '-' is standard output")
      ->type_name("FILE")
      ->required();
  command->add_option("--since", options.since, "First day (default: 27 days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today (default) or yesterday")
      ->type_name("DAY");
  command->add_option("--domain", options.domain, "Only sessions and reports of this policy domain")
      ->type_name("DOMAIN");
  command->footer("Example:\n  tlsrpt-report html --since 2026-11-01 -o /var/www/html/tls.html");
}

Result<int> run_html(const HtmlOptions& options, const Surroundings& surroundings) {
  const auto period =
      period_argument(options.since, options.until, std::chrono::days{27}, surroundings.clock);
  if (!period) return std::unexpected(period.error());
  if (period->until - period->since >= longest_page) {
    return fail(Fault::usage, "a page shows {} days at most", longest_page.count());
  }
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  auto content = read_content(*period, *domain, surroundings);
  if (!content) return std::unexpected(content.error());
  content->made = surroundings.clock();
  const std::string page = to_html(*content);
  auto written = options.file == "-" ? print(page) : replace_file(options.file, page);
  if (!written) return std::unexpected(written.error());
  return 0;
}

}  // namespace starttls::milter
