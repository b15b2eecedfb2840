#include <algorithm>

#include "base/atomic_file.h"
#include "base/console.h"
#include "command/command_line.h"
#include "report/commands.h"
#include "report/empty_result.h"
#include "report/page.h"
#include "report/read_alerts.h"
#include "store/open_store.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

Result<void> read_own_sessions(const config::TlsrptConfig& configuration, OurDomains& facts,
                               PageContent& content) {
  const auto sending = store::sending_domain();
  if (!sending) return std::unexpected(sending.error());
  const std::pair<Grouping, GroupedFigures&> parts[] = {
      {Grouping::protection, content.protection}, {Grouping::day, content.days},
      {Grouping::domain, content.domains},        {Grouping::mx, content.hosts},
      {Grouping::cipher, content.ciphers},        {Grouping::failure, content.failures}};
  std::vector<FigureGroups> groups;
  for (const auto& [by, figures] : parts) groups.emplace_back(by, content.domain);
  SenderFigures senders(*sending, content.domain);
  VersionFigures versions(*sending, content.domain);
  store::DailyCounts downgraded;  // the classes that say from where
  auto done = read_sessions(configuration, content.period, [&](const auto& of, const auto& count) {
    facts.add(of, count);
    for (FigureGroups& group : groups) group.add(of, count);
    senders.add(of, count);
    versions.add(of, count);
    if (of.downgraded) add(downgraded, store::DailyCounts{{of, count}});
  });
  if (!done) return std::unexpected(done.error());
  for (std::size_t at = 0; at < groups.size(); ++at) parts[at].second = groups[at].figures();
  content.senders = senders.senders();
  content.versions = versions.versions();
  // Which policy domain a downgraded session was for is not kept.
  if (content.domain) return {};
  const auto downgrades = store::read_downgrades(store_location(configuration), content.period);
  if (!downgrades) return std::unexpected(downgrades.error());
  content.downgrades = downgrade_entries(*downgrades, downgraded, *sending);
  return {};
}

Result<void> explain_what_is_missing(const config::TlsrptConfig& configuration, const OurDomains& facts,
                                     PageContent& content) {
  if (sum(content.protection).sessions == 0) {
    const auto recorded = read_recorded(configuration, content.period, content.domain);
    if (!recorded) return std::unexpected(recorded.error());
    content.why_empty =
        why_no_sessions(*recorded, configuration.state_dir.string(), content.period, content.domain);
  }
  if (content.received.reporters().empty()) {
    const auto last = last_received(configuration, facts, content.domain);
    if (!last) return std::unexpected(last.error());
    content.why_no_reports = why_no_reports(*last, content.period, content.domain);
  }
  return {};
}

// As `tlsrpt-report alert` says it of the last day that is over.
Result<void> read_attention(const Surroundings& surroundings, PageContent& content) {
  const Day yesterday = to_day(content.made) - std::chrono::days{1};
  content.alert_day = std::min(content.period.until, yesterday);
  const auto watch = read_alerts(surroundings, AlertSettings(), content.alert_day, content.domain);
  if (!watch) return std::unexpected(watch.error());
  content.alerts = watch->alerts();
  return {};
}

Result<PageContent> read_content(const store::Period& period, const std::optional<std::string>& domain,
                                 const Surroundings& surroundings) {
  const config::TlsrptConfig& configuration = surroundings.configuration;
  OurDomains facts = our_facts(surroundings, domain);
  PageContent content{.period = period,
                      .domain = domain,
                      .made = surroundings.clock(),
                      .organization = configuration.organization,
                      .follows_log = !configuration.mta_log.empty()};
  for (const DomainName& ours : configuration.domains) content.our_domains.push_back(ours.str());
  auto done = read_own_sessions(configuration, facts, content);
  if (done) {
    done = read_received(configuration, facts, period, domain,
                         [&](const Reported& reported) { content.received.add(reported); });
  }
  if (done) done = explain_what_is_missing(configuration, facts, content);
  if (done) done = read_attention(surroundings, content);
  if (!done) return std::unexpected(done.error());
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
  if (period->until - period->since >= max_page_days) {
    return fail(Fault::usage, "a page shows {} days at most", max_page_days.count());
  }
  const auto domain = domain_argument(options.domain);
  if (!domain) return std::unexpected(domain.error());
  const auto content = read_content(*period, *domain, surroundings);
  if (!content) return std::unexpected(content.error());
  const std::string page = to_html(*content);
  auto written = options.file == "-" ? print(page) : replace_file(options.file, page);
  if (!written) return std::unexpected(written.error());
  return 0;
}

}  // namespace starttls::report
