#include <unistd.h>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/text.h"
#include "base/try.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/reporter.h"
#include "report/self_report.h"
#include "report/sending.h"
#include "store/open_store.h"
#include "tlsrpt/gzip.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

struct Values {
  std::string day;  // empty: today, or yesterday with --send
  std::optional<std::string> domain;
  std::optional<fs::path> directory;
  bool gzip = false;
  bool send = false;
  bool no_lookup = false;
};

void declare(Options& options, Values& values) {
  options.option("--day", values.day, "DAY",
                 "Day of the report: YYYY-MM-DD, today (default) or yesterday (default with --send)");
  options.option("--domain", values.domain, "DOMAIN", "Only this policy domain");
  const auto directory = options.option("-o", values.directory, "DIR",
                                        "Write a file for each policy domain there, named as in RFC 8460");
  options.flag("--gzip", values.gzip, "Compress the report");
  options
      .flag("--send", values.send,
            "Send each report to the rua of its domain's TLSRPT record (or report.rua)")
      .excludes(directory);
  options.flag("--no-lookup", values.no_lookup, "Do not look up what the policy domains publish");
}

Result<std::string> pack(const tlsrpt::Report& report, bool gzipped) {
  std::string json = tlsrpt::to_json(report);
  return gzipped ? tlsrpt::gzip(json) : Result<std::string>(std::move(json));
}

Result<void> print_report(const tlsrpt::Report& report, bool gzipped) {
  if (gzipped && ::isatty(STDOUT_FILENO) != 0) {
    return fail(Fault::usage,
                "compressed data is not written to a terminal; redirect it to a file or use -o");
  }
  const auto content = TRY(pack(report, gzipped));
  return print(content);
}

// With RFC 8460, each report goes to the owner of one policy domain: one file for each.
Result<void> write_reports(const tlsrpt::Report& all, const std::string& sender, const fs::path& directory,
                           bool gzipped) {
  for (const tlsrpt::PolicyResult& policy : all.policies) {
    const auto content = TRY(pack(report_for(all, policy), gzipped));
    const fs::path file =
        directory / tlsrpt::file_name(sender, policy.policy_domain, all.head.begin, all.head.end, gzipped);
    TRY(replace_file(file, content));
    TRY(print(file.string() + "\n"));
  }
  return {};
}

// Adds the policies that the domains publish now. Policies that cannot be looked up are left out, with a
// warning.
Result<void> look_up(tlsrpt::Report& report, Lookup& lookup, const Context& context) {
  std::set<std::string> domains;
  for (const tlsrpt::PolicyResult& policy : report.policies) domains.insert(policy.policy_domain);
  const auto published = TRY(lookup.policies(domains));
  for (const auto& [domain, policy] : published) {
    if (!policy.error.empty())
      command::warn(context, fmt::format("{}: reported without its policy: {}", domain, policy.error));
  }
  set_policies(report, published);
  return {};
}

Result<int> send(const tlsrpt::Report& report, const Reporter& reporter, Lookup& lookup,
                 const Context& context) {
  ReportSender sender = TRY(ReportSender::open(context, lookup));
  TRY(sender.enqueue(report, reporter));
  return exit_status(TRY(sender.deliver()));
}

Result<int> run(const Values& values, const Context& context) {
  const std::string default_day = values.send ? "yesterday" : "today";
  const Day day =
      TRY(parse_day_option("--day", values.day.empty() ? default_day : values.day, context.clock));
  if (values.send) TRY(check_day_to_send(day, context.clock()));
  const std::optional<std::string> domain = TRY(parse_domain_option(values.domain));
  const store::DailyCounts counts =
      TRY(store::read_counts(store_location(context.configuration), {day, day}));
  const Reporter reporter = reporter_of(context.configuration.report);
  tlsrpt::Report report = self_report(counts, day, context.clock(), reporter, domain);
  Lookup lookup(context);
  if (!values.no_lookup) TRY(look_up(report, lookup, context));
  if (values.send) return send(report, reporter, lookup, context);
  TRY(values.directory ? write_reports(report, reporter.domain, *values.directory, values.gzip)
                       : print_report(report, values.gzip));
  return 0;
}

}  // namespace

Command self_command() {
  return make_command({.name = "self",
                       .summary = "Create the RFC 8460 report about the inbound sessions of one day (UTC)",
                       .example = "tlsrpt-report self --day yesterday --domain example.org"},
                      declare, run);
}

}  // namespace starttls::report
