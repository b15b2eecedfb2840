#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "outbound/open_store.h"
#include "outbound/report_claims.h"
#include "report/arguments.h"
#include "report/claimed_days.h"
#include "report/commands.h"
#include "report/outbound_report.h"
#include "report/report_completion.h"
#include "report/report_decision.h"
#include "report/send_output.h"
#include "report/sending.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/record.h"
#include "tlsrptdb/report_store.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr const char* default_day = "yesterday";

struct Values {
  std::string day = default_day;
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

// Reads the results of the day and passes each report, with the decision about it, to `take`. Returns what else is known of
// the day.
template <class Take>
Result<outbound::DayTotal> for_each_report(const Values& values, const Context& context, Day day,
                                           const Reporter& reporter, const DestinationFacts& facts,
                                           Take take) {
  const auto domain = TRY(parse_domain_option(values.domain));
  OutboundReportMaker maker(day, reporter, [&](OutboundReport&& report) -> Result<void> {
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
Result<SendTotals> for_each_whole_report(const Values& values, const Context& context, Day day,
                                         const Reporter& reporter, const DestinationFacts& facts,
                                         Lookup& lookup, bool finds_destinations,
                                         const ReportCompletion::Take& take) {
  ReportCompletion::Lookups lookups{
      .policies = [&](const std::set<std::string>& domains) { return lookup.policies(domains); },
      .destinations = {}};
  if (finds_destinations)
    lookups.destinations = [&](const std::set<std::string>& domains) { return lookup.destinations(domains); };
  SendTotals totals;
  ReportCompletion completion(
      std::move(lookups), facts, [&](const std::string& message) { command::warn(context, message); },
      [&](OutboundReport&& report, const Decision& decision) -> Result<void> {
        ++totals.domains[decision.status];
        return decision.status == ReportStatus::no_domain ? Result<void>()
                                                          : take(std::move(report), decision);
      });
  totals.day = TRY(for_each_report(values, context, day, reporter, facts,
                                   [&](OutboundReport&& report, const Decision& decision) {
                                     return completion.add(std::move(report), decision);
                                   }));
  TRY(completion.finish());
  return totals;
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

Result<int> dry_run(const Values& values, const Context& context, Day day) {
  const auto facts = TRY(destination_facts(context, day));
  std::vector<PlannedReport> lines;
  SendTotals totals;
  totals.day = TRY(for_each_report(values, context, day, reporter_of(context.configuration.report), facts,
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
  TRY(print(context.json ? to_json(lines, totals, day) : to_text(lines, totals, day)));
  return 0;
}

Result<int> write_files(const Values& values, const Context& context, Day day) {
  const auto facts = TRY(destination_facts(context, day));
  Lookup lookup(context);
  const Reporter reporter = reporter_of(context.configuration.report);
  TRY(for_each_whole_report(values, context, day, reporter, facts, lookup, false,
                            [&](OutboundReport&& report, const Decision&) -> Result<void> {
                              const auto packed = TRY(tlsrpt::gzip(tlsrpt::to_json(report.report)));
                              const fs::path file =
                                  *values.directory /
                                  tlsrpt::file_name(reporter.domain, report.domain, report.report.head.begin,
                                                    report.report.head.end, true, report.unique_id);
                              TRY(replace_file(file, packed));
                              return print(file.string() + "\n");
                            }));
  return 0;
}

Result<void> print_queued(const Context& context, const std::vector<QueuedDay>& days) {
  if (context.json) return print(to_json(days));
  return context.quiet ? Result<void>() : print(to_text(days));
}

// A report to a destination that is tested has an id of its own each time.
void mark_as_test(OutboundReport& report, Time now) {
  report.report.head.report_id =
      fmt::format("test-{}.{}", now.time_since_epoch().count(), report.report.head.report_id);
}

Result<int> send_test(const Values& values, const Context& context, Day day) {
  const auto facts = TRY(destination_facts(context, day));
  const auto destination = tlsrpt::parse_destination(*values.to);
  if (!destination) return fail(Fault::usage, "--to: {}", destination.error().message);
  Lookup lookup(context);
  ReportSender sender = TRY(ReportSender::open(context, lookup));
  const Reporter reporter = reporter_of(context.configuration.report);
  const auto totals =
      TRY(for_each_whole_report(values, context, day, reporter, facts, lookup, false,
                                [&](OutboundReport&& report, const Decision&) -> Result<void> {
                                  mark_as_test(report, context.clock());
                                  return sender.enqueue(report.report,
                                                        {.domain = report.domain,
                                                         .destinations = {&*destination, 1},
                                                         .unique_id = report.unique_id,
                                                         .at_once = true},
                                                        reporter);
                                }));
  if (totals.domains.empty()) {
    return fail(Fault::unavailable, "no result of mail to {} was received on {}", *values.domain,
                to_string(day));
  }
  TRY(sender.flush());
  TRY(print_queued(context, {{.day = day, .totals = totals, .queued = sender.queued()}}));
  return exit_status(TRY(sender.deliver()));
}

// Sends the reports about days; only for the time of one run.
class Sending {
 public:
  Sending(const Values& values, const Context& context, Lookup& lookup, ReportSender& sender)
      : values_(values),
        context_(context),
        lookup_(lookup),
        sender_(sender),
        reporter_(reporter_of(context.configuration.report)) {}

  // Puts the reports about the day into the queue, with this host in the report-ids.
  Result<QueuedDay> queue(Day day) { return queue(day, reporter_, std::nullopt); }

  // The same if this host has, or gets, the claim on the day.
  Result<QueuedDay> queue_claimed(Day day, const outbound::ReportClaims& claims) {
    const auto claim = TRY(claims.claim(day));
    if (!claim.is_ours) return QueuedDay{.day = day, .other_host = claim.writer_host};
    Reporter reporter = reporter_;
    reporter.host = claim.report_host;
    if (claim.is_queued) return queue(day, reporter, std::nullopt);
    TRY(sender_.remove_held(day));
    auto queued = TRY(queue(day, reporter, day));
    if (!TRY(claims.set_queued(day))) {
      TRY(sender_.remove_held(day));
      return fail(Fault::temporary, "the reports about {} took too long: another host makes them now",
                  to_string(day));
    }
    TRY(sender_.release(day));
    return queued;
  }

 private:
  Result<QueuedDay> queue(Day day, const Reporter& reporter, const std::optional<Day>& held_for) {
    const auto facts = TRY(destination_facts(context_, day));
    const std::uint64_t before = sender_.queued();
    auto totals =
        TRY(for_each_whole_report(values_, context_, day, reporter, facts, lookup_, true,
                                  [&](OutboundReport&& report, const Decision& decision) -> Result<void> {
                                    if (decision.status != ReportStatus::reported) return {};
                                    return sender_.enqueue(report.report,
                                                           {.domain = report.domain,
                                                            .destinations = decision.destinations,
                                                            .unique_id = report.unique_id,
                                                            .held_for = held_for},
                                                           reporter);
                                  }));
    TRY(sender_.flush());
    return QueuedDay{.day = day, .totals = std::move(totals), .queued = sender_.queued() - before};
  }

  const Values& values_;
  const Context& context_;
  Lookup& lookup_;
  ReportSender& sender_;
  const Reporter reporter_;
};

// The report to one domain is not sent before all others: a host claims whole days.
Result<void> check_domain(const outbound::ReportClaims& claims, Day day) {
  const auto claim = TRY(claims.find(day));
  if (claim && claim->is_ours && claim->is_queued) return {};
  if (!claim || claim->is_ours) {
    return fail(Fault::unavailable, "the reports about {} are not sent yet; --domain needs --to, -n or -o",
                to_string(day));
  }
  return fail(Fault::unavailable, "{} makes the reports about {}", printable(claim->writer_host),
              to_string(day));
}

// The day that was asked for, and those that a host has claimed and not finished.
Result<std::vector<Day>> days_to_send(const Values& values, Day day, const outbound::ReportClaims& claims) {
  std::vector<Day> days{day};
  if (values.domain) {
    TRY(check_domain(claims, day));
  } else if (values.day == default_day) {
    for (const Day late : TRY(claims.unfinished())) {
      if (late < day) days.push_back(late);
    }
  }
  return days;
}

Result<int> send(const Values& values, const Context& context, Day day) {
  Lookup lookup(context);
  ReportSender sender = TRY(ReportSender::open(context, lookup));
  const auto claims = TRY(claims_of(context));
  TRY(settle(sender, claims));
  Sending sending(values, context, lookup, sender);
  std::vector<QueuedDay> queued;
  if (claims) {
    for (const Day each : TRY(days_to_send(values, day, *claims)))
      queued.push_back(TRY(sending.queue_claimed(each, *claims)));
  } else {
    queued.push_back(TRY(sending.queue(day)));
  }
  TRY(print_queued(context, queued));
  return exit_status(TRY(sender.deliver()));
}

Result<int> run(const Values& values, const Context& context) {
  const Day day = TRY(parse_day_option("--day", values.day, context.clock));
  if (!values.dry_run && !values.directory && !values.to) TRY(check_day_to_send(day, context.clock()));
  if (values.to && !values.domain) return fail(Fault::usage, "--to needs --domain");
  if (values.dry_run) return dry_run(values, context, day);
  if (values.directory) return write_files(values, context, day);
  return values.to ? send_test(values, context, day) : send(values, context, day);
}

}  // namespace

Command send_command() {
  return make_command({.name = "send",
                       .summary = "Send the RFC 8460 reports about the outbound mail of one day (UTC)",
                       .example = "tlsrpt-report send --dry-run"},
                      declare, run);
}

}  // namespace starttls::report
