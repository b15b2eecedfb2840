#include <filesystem>
#include <map>
#include <string>
#include <utility>

#include "base/atomic_file.h"
#include "base/console.h"
#include "base/try.h"
#include "outbound/open_store.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/outbound_export.h"
#include "report/reporter.h"
#include "tlsrpt/gzip.h"
#include "tlsrpt/report.h"

namespace starttls::report {
namespace {

namespace fs = std::filesystem;

constexpr std::chrono::days default_days{0};  // before the last one

struct Values {
  fs::path directory;
  PeriodValues period{.since = {}, .until = "yesterday"};
};

void declare(Options& options, Values& values) {
  options.option("-o", values.directory, "DIR", "Write a file for each day there").required();
  period_options(options, values.period, "the last");
}

Result<void> write_day(const Values& values, const Context& context, Day day, const Reporter& reporter) {
  OutboundExport day_export(day, reporter);
  TRY(outbound::read_counts(
      store_location(context.configuration), {.since = day, .until = day}, "",
      [&](const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) -> Result<void> {
        day_export.add(of, count);
        return {};
      }));
  const tlsrpt::Report report = std::move(day_export).take();
  if (report.policies.empty()) return {};
  const auto packed = TRY(tlsrpt::gzip(tlsrpt::to_json(report)));
  const fs::path file =
      values.directory / fmt::format("{}!outbound!{}.json.gz", reporter.domain, to_string(day));
  TRY(replace_file(file, packed));
  return print(file.string() + "\n");
}

Result<int> run(const Values& values, const Context& context) {
  const store::Period period = TRY(parse_period(values.period, default_days, context.clock));
  const Reporter reporter = reporter_of(context.configuration.report);
  for (Day day = period.since; day <= period.until; day += std::chrono::days{1})
    TRY(write_day(values, context, day, reporter));
  return 0;
}

}  // namespace

Command export_command() {
  return make_command(
      {.name = "export",
       .summary = "Write the results of outbound mail for the publisher of a list, without any address",
       .example = "tlsrpt-report export -o /srv/for-the-publisher"},
      declare, run);
}

}  // namespace starttls::report
