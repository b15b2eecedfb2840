#include <filesystem>
#include <map>
#include <optional>
#include <string>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/our_domains.h"
#include "report/outbound_summary.h"
#include "report/received_figures.h"
#include "report/summary_figures.h"
#include "service/metrics_text.h"

namespace starttls::report {
namespace {

using service::label;
using service::labels;
using service::MetricsText;

constexpr mode_t file_mode = 0644;  // node_exporter reads it as another user

struct Values {
  std::string day = "yesterday";
  std::filesystem::path file = "-";
  std::uint64_t max_domains = 50;
};

void declare(Options& options, Values& values) {
  options.option("--day", values.day, "DAY", "Day of the figures: YYYY-MM-DD, today or yesterday (default)");
  options.option("-o", values.file, "FILE",
                 "Write them to this file, for node_exporter: NAME.prom; '-' (default) is standard output");
  options.option("--max-domains", values.max_domains, "NUMBER",
                 "Domains with figures of their own; others are added up (default: 50)");
}

// What is measured, of one day.
struct Figures {
  Day day;
  GroupedFigures protection;
  std::map<std::string, tlsrpt::ReportedSessions> reported;  // by policy domain of ours
  std::uint64_t reports = 0;
  std::uint64_t reported_failures = 0;
  OutboundContent outbound;
};

Result<Figures> read_figures(const Context& context, Day day) {
  const config::TlsrptConfig& configuration = context.configuration;
  Figures figures{.day = day};
  const store::Period period{.since = day, .until = day};
  OurDomains ours = load_our_domains(context, std::nullopt);
  FigureGroups protection(Grouping::protection);
  const auto read = read_sessions(configuration, period, [&](const auto& session_class, const auto& count) {
    ours.add(session_class, count);
    protection.add(session_class, count);
  });
  // A host that only sends mail has no inbound sessions.
  if (!read && read.error().fault != Fault::unavailable) return std::unexpected(read.error());
  figures.protection = protection.figures();
  ReceivedFigures received;
  TRY(read_received(configuration, ours, period, std::nullopt, [&](const Reported& reported) {
    received.add(reported);
    if (reported.owner.is_ours()) figures.reported[reported.policy.policy_domain].add(reported.policy);
  }));
  for (const auto& [name, reporter] : received.reporters()) figures.reports += reporter.reports;
  figures.outbound = TRY(read_outbound(context, period, std::nullopt));
  return figures;
}

void add_result(MetricsText& text, std::string_view of, std::string_view name, std::uint64_t successful,
                std::uint64_t failed) {
  text.sample(labels({{of, name}, {"result", "successful"}}), successful);
  text.sample(labels({{of, name}, {"result", "failed"}}), failed);
}

void add_inbound(MetricsText& text, const Figures& figures) {
  text.family("inbound_sessions", service::gauge,
              "Inbound sessions of the day, by TLS version, or by what they were without TLS.");
  for (const auto& [protection, f] : figures.protection)
    text.sample(label("protection", printable(protection, 100)), f.sessions);
}

void add_received(MetricsText& text, const Figures& figures, std::uint64_t max_domains) {
  text.family("received_reports", service::gauge, "Reports of others about the day.");
  text.sample(figures.reports);
  text.family("received_sessions", service::gauge,
              "Sessions of the day that others report, by policy domain and result.");
  tlsrpt::ReportedSessions rest;
  std::uint64_t shown = 0;
  for (const auto& [domain, sessions] : figures.reported) {
    if (shown++ < max_domains) {
      add_result(text, "domain", printable(domain, 253), sessions.successful, sessions.failed);
    } else {
      rest.add(sessions.successful, sessions.failed);
    }
  }
  if (shown > max_domains) add_result(text, "domain", outbound::other_names, rest.successful, rest.failed);
}

void add_outbound(MetricsText& text, const Figures& figures, std::uint64_t max_domains) {
  const outbound::Summary& summary = figures.outbound.summary;
  text.family("outbound_sessions", service::gauge, "Outbound sessions of the day, by policy and result.");
  for (const auto& [policy, f] : summary.by(outbound::GroupBy::policy))
    add_result(text, "policy", printable(policy, 100), f.successful, f.failed);
  text.family("outbound_failures", service::gauge,
              "Failures of outbound sessions of the day, by result type.");
  for (const auto& [type, f] : outbound::worst_first(summary.by(outbound::GroupBy::result_type), max_domains))
    text.sample(label("result_type", printable(type, 100)), f.failed);
  text.family(
      "outbound_testing_failures", service::gauge,
      "Of these, those under MTA-STS policies in mode testing: with enforce, mail would have been deferred.");
  text.sample(summary.total().failed_in_testing);
  text.family(
      "outbound_domain_sessions", service::gauge,
      "Outbound sessions of the day, by recipient domain and result: the domains with the most failures.");
  outbound::Figures rest = summary.total();
  const auto shown = outbound::worst_first(summary.by(outbound::GroupBy::domain), max_domains);
  for (const auto& [domain, f] : shown) {
    add_result(text, "domain", printable(domain, 253), f.successful, f.failed);
    rest.successful -= f.successful;
    rest.failed -= f.failed;
  }
  if (summary.by(outbound::GroupBy::domain).size() > shown.size())
    add_result(text, "domain", outbound::other_names, rest.successful, rest.failed);
  text.family("outbound_left_out_sessions", service::gauge,
              "Outbound sessions of the day that are not counted, because it has too many policies.");
  text.sample(figures.outbound.days.left_out);
}

Result<int> run(const Values& values, const Context& context) {
  const Day day = TRY(parse_day_option("--day", values.day, context.clock));
  const Figures figures = TRY(read_figures(context, day));
  MetricsText text("tlsrpt");
  text.family("day_timestamp_seconds", service::gauge, "The day of these figures: its begin (UTC).");
  text.sample(Time{day});
  add_inbound(text, figures);
  add_received(text, figures, values.max_domains);
  add_outbound(text, figures, values.max_domains);
  const std::string page = text.take();
  TRY(values.file == "-" ? print(page) : replace_file(values.file, page, file_mode));
  return 0;
}

}  // namespace

Command metrics_command() {
  return make_command(
      {.name = "metrics",
       .summary = "Write the figures of a day for Prometheus, by node_exporter's textfile collector",
       .example = "tlsrpt-report metrics -o /var/lib/prometheus/node-exporter/tlsrpt.prom"},
      declare, run);
}

}  // namespace starttls::report
