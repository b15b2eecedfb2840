#include <algorithm>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/try.h"
#include "checkdb/check_state.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/empty_result.h"
#include "report/outbound_summary.h"
#include "report/page.h"
#include "report/read_alerts.h"
#include "store/open_store.h"
#include "store/sending_domain.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days default_days{27};  // before the last one
constexpr std::chrono::days max_days{800};

struct Values {
  std::filesystem::path file;  // "-": standard output
  PeriodValues period;
  std::optional<std::string> domain;
};

void declare(Options& options, Values& values) {
  options.option("-o", values.file, "FILE", "Write the page to this file; '-' is standard output").required();
  period_options(options, values.period, "27 days before the last");
  options.option("--domain", values.domain, "DOMAIN", "Only sessions and reports of this policy domain");
}

Result<void> read_own_sessions(const config::TlsrptConfig& configuration, OurDomains& ours,
                               PageContent& content) {
  const auto sending = TRY(store::sending_domain());
  const std::pair<Grouping, GroupedFigures&> parts[] = {
      {Grouping::protection, content.protection}, {Grouping::day, content.days},
      {Grouping::domain, content.domains},        {Grouping::mx, content.hosts},
      {Grouping::cipher, content.ciphers},        {Grouping::failure, content.failures}};
  std::vector<FigureGroups> groups;
  for (const auto& [by, figures] : parts) groups.emplace_back(by, content.domain);
  SenderFigures senders(sending, content.domain);
  VersionFigures versions(sending, content.domain);
  store::DailyCounts downgraded;  // the classes that show the senders
  TRY(read_sessions(configuration, content.period, [&](const auto& session_class, const auto& count) {
    ours.add(session_class, count);
    for (FigureGroups& group : groups) group.add(session_class, count);
    senders.add(session_class, count);
    versions.add(session_class, count);
    if (session_class.downgraded) add(downgraded, store::DailyCounts{{session_class, count}});
  }));
  for (std::size_t at = 0; at < groups.size(); ++at) parts[at].second = groups[at].figures();
  content.senders = senders.senders();
  content.versions = versions.versions();
  // The store does not contain the policy domain of a downgraded session.
  if (content.domain) return {};
  const auto downgrades = TRY(store::read_downgrades(store_location(configuration), content.period));
  content.downgrades = downgrade_entries(downgrades, downgraded, sending);
  return {};
}

Result<void> explain_what_is_missing(const config::TlsrptConfig& configuration, const OurDomains& ours,
                                     PageContent& content) {
  if (sum(content.protection).sessions == 0 && content.why_empty.empty()) {
    const auto recorded = TRY(read_recorded(configuration, content.period, content.domain));
    content.why_empty =
        why_no_sessions(recorded, configuration.state_dir.string(), content.period, content.domain);
  }
  if (content.received.reporters().empty()) {
    const auto last = TRY(last_received(configuration, ours, content.domain));
    content.why_no_reports = why_no_reports(last, content.period, content.domain);
  }
  return {};
}

// Reads the alerts of `tlsrpt-report alert` about the last whole day.
Result<void> read_attention(const Context& context, PageContent& content) {
  const Day yesterday = to_day(content.created) - std::chrono::days{1};
  content.alert_day = std::min(content.period.until, yesterday);
  const auto watch = TRY(read_alerts(context, AlertSettings(), content.alert_day, content.domain));
  content.alerts = watch.alerts();
  return {};
}

// What starttls-listtool found. A page without them is still a page.
void read_checked(const Context& context, PageContent& content) {
  const std::filesystem::path& file = context.configuration.report.check_state;
  if (file.empty()) return;
  auto checked = checkdb::read_check_state(file);
  if (!checked) {
    content.why_not_checked = checked.error().message;
    return command::warn(context, content.why_not_checked);
  }
  content.checked = std::move(*checked);
  if (!content.checked || !content.domain) return;
  std::erase_if(*content.checked, [&](const auto& entry) { return entry.first.str() != *content.domain; });
}

Result<PageContent> read_content(const store::Period& period, const std::optional<std::string>& domain,
                                 const Context& context) {
  const config::TlsrptConfig& configuration = context.configuration;
  OurDomains ours = load_our_domains(context, domain);
  PageContent content{.period = period,
                      .domain = domain,
                      .created = context.clock(),
                      .organization = configuration.report.organization,
                      .follows_log = !configuration.milter.mta_log.empty()};
  for (const DomainName& name : configuration.report.domains) content.our_domains.push_back(name.str());
  // A page about one of our policy domains has nothing of our mail to others.
  OutboundContent outbound;
  if (!domain) outbound = TRY(read_outbound(context, period, std::nullopt));
  const auto own = read_own_sessions(configuration, ours, content);
  if (!own) {
    // A host that only sends mail has no inbound sessions.
    if (own.error().fault != Fault::unavailable || !outbound.was_received)
      return std::unexpected(own.error());
    content.why_empty =
        "There are no inbound sessions: tlsrpt-milter does not run with this state directory.";
  }
  if (outbound.was_received) content.outbound = std::move(outbound.summary);
  TRY(read_received(configuration, ours, period, domain,
                    [&](const Reported& reported) { content.received.add(reported); }));
  TRY(explain_what_is_missing(configuration, ours, content));
  TRY(read_attention(context, content));
  read_checked(context, content);
  return content;
}

Result<int> run(const Values& values, const Context& context) {
  const store::Period period = TRY(parse_period(values.period, default_days, context.clock));
  if (period.until - period.since >= max_days)
    return fail(Fault::usage, "a page shows {} days at most", max_days.count());
  const std::optional<std::string> domain = TRY(parse_domain_option(values.domain));
  const PageContent content = TRY(read_content(period, domain, context));
  const std::string page = to_html(content);
  TRY(values.file == "-" ? print(page) : replace_file(values.file, page));
  return 0;
}

}  // namespace

Command html_command() {
  return make_command({.name = "html",
                       .summary = "Write the figures as one HTML page with charts",
                       .example = "tlsrpt-report html --since 2026-11-01 -o /var/www/html/tls.html"},
                      declare, run);
}

}  // namespace starttls::report
