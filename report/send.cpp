#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "outbound/open_store.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/outbound_report.h"
#include "report/report_completion.h"
#include "report/report_decision.h"
#include "report/sending.h"
#include "report/tables.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/record.h"
#include "tlsrptdb/report_store.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_shown = 1'000;  // domains in the table of --dry-run

struct Values {
  std::string day = "yesterday";
  std::optional<std::string> domain;
  std::optional<fs::path> directory;
  std::optional<std::string> to;
  bool dry_run = false;
};

void declare(Options& options, Values& values) {
  options.option("--day", values.day, "DAY", "Day of the reports: YYYY-MM-DD or yesterday (default)");
  options.option("--domain", values.domain, "DOMAIN", "Only the report to this recipient domain");
  const auto directory = options.option("-o", values.directory, "DIR",
                                        "Write the reports there, named as in RFC 8460; send none");
  const auto to = options.option("--to", values.to, "URI",
                                 "Send to this destination only, as a test: mailto:ADDRESS or https://URL");
  options.flag("-n,--dry-run", values.dry_run, "Print what would be sent; send nothing")
      .excludes(directory)
      .excludes(to);
}

struct Line {
  std::string domain;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  Decision decision;
};

struct Totals {
  std::map<ReportStatus, std::uint64_t> domains;
  outbound::DayTotal day;
};

// Reads the results of the day and passes each report, with the decision about it, to `take`. Returns what else is known
// of the day.
template <class Take>
Result<outbound::DayTotal> for_each_report(const Values& values, const Context& context, Day day,
                                           const DestinationFacts& facts, Take take) {
  const auto domain = TRY(parse_domain_option(values.domain));
  OutboundReportMaker maker(day, reporter_of(context.configuration.report),
                            [&](OutboundReport&& report) -> Result<void> {
                              const Decision decision = decide(report, facts);
                              return take(std::move(report), decision);
                            });
  const auto days = TRY(outbound::read_counts(
      store_location(context.configuration), {.since = day, .until = day}, domain.value_or(""),
      [&](const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) {
        return maker.add(of, count);
      }));
  TRY(maker.finish());
  const auto found = days.find(day);
  return found == days.end() ? outbound::DayTotal() : found->second;
}

// The same with what the source of the results did not know. Without `finds_destinations`, only policies are looked up.
Result<Totals> for_each_whole_report(const Values& values, const Context& context, Day day,
                                     const DestinationFacts& facts, Lookup& lookup, bool finds_destinations,
                                     const ReportCompletion::Take& take) {
  ReportCompletion::Lookups lookups{
      .policies = [&](const std::set<std::string>& domains) { return lookup.policies(domains); },
      .destinations = {}};
  if (finds_destinations)
    lookups.destinations = [&](const std::set<std::string>& domains) { return lookup.destinations(domains); };
  Totals totals;
  ReportCompletion completion(
      std::move(lookups), facts, [&](const std::string& message) { command::warn(context, message); },
      [&](OutboundReport&& report, const Decision& decision) -> Result<void> {
        ++totals.domains[decision.status];
        return decision.status == ReportStatus::no_domain ? Result<void>()
                                                          : take(std::move(report), decision);
      });
  totals.day = TRY(
      for_each_report(values, context, day, facts, [&](OutboundReport&& report, const Decision& decision) {
        return completion.add(std::move(report), decision);
      }));
  TRY(completion.finish());
  return totals;
}

std::string destinations_of(const Decision& decision) {
  if (decision.status != ReportStatus::reported)
    return fmt::format("none: {}", report_status_words.word(decision.status));
  std::string all;
  for (const tlsrpt::Destination& one : decision.destinations) all += (all.empty() ? "" : ", ") + one.uri();
  return all.empty() ? "by the record, looked up when it is sent" : printable(all, 300);
}

std::string to_text(const std::vector<Line>& lines, const Totals& totals, Day day) {
  if (totals.domains.empty())
    return fmt::format("No result of outbound mail was received on {}.\n", to_string(day));
  Table table{.head = {"Domain", "Sessions", "Failed", "Destinations"}};
  for (const Line& line : lines) {
    table.rows.push_back({printable(line.domain, 200), std::to_string(line.successful + line.failed),
                          std::to_string(line.failed), destinations_of(line.decision)});
  }
  std::string text = to_columns(table, output_width());
  std::uint64_t all = 0;
  for (const auto& [status, domains] : totals.domains) all += domains;
  if (all > lines.size()) text += fmt::format("... and {} more\n", all - lines.size());
  return text;
}

void add_totals(json::JsonText& json, const Totals& totals) {
  json.object("domains", [&] {
    for (const auto& [status, word] : report_status_words.words) {
      const auto found = totals.domains.find(status);
      json.member(word, found == totals.domains.end() ? 0 : found->second);
    }
  });
  json.member("results", totals.day.results);
  json.member("malformed_datagrams", totals.day.malformed);
  json.member("left_out_sessions", totals.day.left_out);
}

std::string to_json(const std::vector<Line>& lines, const Totals& totals, Day day) {
  json::JsonText json;
  json.object([&] {
    json.member("day", to_string(day));
    add_totals(json, totals);
    json.array("reports", [&] {
      for (const Line& line : lines) {
        json.object([&] {
          json.member("domain", line.domain);
          json.member("successful_sessions", line.successful);
          json.member("failed_sessions", line.failed);
          json.member("status", report_status_words.word(line.decision.status));
          json.array("destinations", [&] {
            for (const tlsrpt::Destination& one : line.decision.destinations) json.text(one.uri());
          });
        });
      }
    });
  });
  return json.take();
}

// One sentence for each reason why domains get no report.
std::string not_reported(const Totals& totals) {
  std::string text;
  for (const auto& [status, domains] : totals.domains) {
    if (status != ReportStatus::reported)
      text += fmt::format("{} without a report: {}.\n", counted(domains, "domain"), explanation_of(status));
  }
  if (totals.day.malformed > 0) {
    text +=
        fmt::format("Not counted: {} that could not be read.\n", counted(totals.day.malformed, "datagram"));
  }
  if (totals.day.left_out > 0) {
    text += fmt::format("Not counted: {} under policies beyond collector.max_policies.\n",
                        counted(totals.day.left_out, "session"));
  }
  return text;
}

Result<DestinationFacts> destination_facts(const Context& context, Day day) {
  const auto file = tlsrptdb::report_file(context.configuration.state_dir);
  auto queue = TRY(tlsrptdb::DeliveryQueue::open(file, store::Access::read));
  auto suppressions = TRY(tlsrptdb::Suppressions::open(file, store::Access::read));
  DestinationFacts facts{
      .overrides = context.report.destinations, .mails_sent = TRY(queue.mails_sent(day)), .suppressed = {}};
  for (const tlsrptdb::Suppression& one : TRY(suppressions.active(context.clock())))
    facts.suppressed.insert(one.address);
  return facts;
}

Result<int> dry_run(const Values& values, const Context& context, Day day, const DestinationFacts& facts) {
  std::vector<Line> lines;
  Totals totals;
  totals.day = TRY(for_each_report(values, context, day, facts,
                                   [&](OutboundReport&& report, const Decision& decision) -> Result<void> {
                                     ++totals.domains[decision.status];
                                     if (lines.size() < max_shown || context.json) {
                                       lines.push_back({.domain = report.domain,
                                                        .successful = report.successful,
                                                        .failed = report.failed,
                                                        .decision = decision});
                                     }
                                     return {};
                                   }));
  TRY(print(context.json ? to_json(lines, totals, day) : to_text(lines, totals, day) + not_reported(totals)));
  return 0;
}

Result<int> write_files(const Values& values, const Context& context, Day day,
                        const DestinationFacts& facts) {
  Lookup lookup(context);
  const std::string sender = reporter_of(context.configuration.report).domain;
  TRY(for_each_whole_report(values, context, day, facts, lookup, false,
                            [&](OutboundReport&& report, const Decision&) -> Result<void> {
                              const auto packed = TRY(tlsrpt::gzip(tlsrpt::to_json(report.report)));
                              const fs::path file =
                                  *values.directory /
                                  tlsrpt::file_name(sender, report.domain, report.report.head.begin,
                                                    report.report.head.end, true, report.unique_id);
                              TRY(replace_file(file, packed));
                              return print(file.string() + "\n");
                            }));
  return 0;
}

// A report to a destination that is tested has an id of its own each time.
void mark_as_test(OutboundReport& report, Time now) {
  report.report.head.report_id =
      fmt::format("test-{}.{}", now.time_since_epoch().count(), report.report.head.report_id);
}

Result<int> send(const Values& values, const Context& context, Day day, const DestinationFacts& facts) {
  std::vector<tlsrpt::Destination> tested;
  if (values.to) {
    auto destination = tlsrpt::parse_destination(*values.to);
    if (!destination) return fail(Fault::usage, "--to: {}", destination.error().message);
    tested.push_back(std::move(*destination));
  }
  Lookup lookup(context);
  ReportSender sender = TRY(ReportSender::open(context, lookup));
  const Reporter reporter = reporter_of(context.configuration.report);
  const bool is_test = !tested.empty();
  const auto totals = TRY(
      for_each_whole_report(values, context, day, facts, lookup, !is_test,
                            [&](OutboundReport&& report, const Decision& decision) -> Result<void> {
                              if (decision.status != ReportStatus::reported && !is_test) return {};
                              if (is_test) mark_as_test(report, context.clock());
                              return sender.enqueue(report.report,
                                                    {.domain = report.domain,
                                                     .destinations = is_test ? tested : decision.destinations,
                                                     .unique_id = report.unique_id,
                                                     .at_once = is_test},
                                                    reporter);
                            }));
  if (is_test && totals.domains.empty()) {
    return fail(Fault::unavailable, "no result of mail to {} was received on {}", *values.domain,
                to_string(day));
  }
  TRY(sender.flush());
  if (context.json) {
    json::JsonText json;
    json.object([&] {
      json.member("day", to_string(day));
      add_totals(json, totals);
      json.member("queued", sender.queued());
    });
    TRY(print(json.take()));
  } else if (!context.quiet) {
    TRY(print(fmt::format("{} about {} queued.\n{}", counted(sender.queued(), "report"), to_string(day),
                          not_reported(totals))));
  }
  return exit_status(TRY(sender.deliver()));
}

Result<int> run(const Values& values, const Context& context) {
  const Day day = TRY(parse_day_option("--day", values.day, context.clock));
  if (!values.dry_run && !values.directory && !values.to) TRY(check_day_to_send(day, context.clock()));
  if (values.to && !values.domain) return fail(Fault::usage, "--to needs --domain");
  const auto facts = TRY(destination_facts(context, day));
  if (values.dry_run) return dry_run(values, context, day, facts);
  return values.directory ? write_files(values, context, day, facts) : send(values, context, day, facts);
}

}  // namespace

Command send_command() {
  return make_command({.name = "send",
                       .summary = "Send the RFC 8460 reports about the outbound mail of one day (UTC)",
                       .example = "tlsrpt-report send --dry-run"},
                      declare, run);
}

}  // namespace starttls::report
