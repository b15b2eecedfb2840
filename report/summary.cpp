#include "base/console.h"
#include "base/enum_words.h"
#include "base/text.h"
#include "base/try.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/outbound_summary.h"
#include "report/summary_content.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days default_days{6};  // before the last one

struct Values {
  PeriodValues period;
  std::optional<std::string> domain;
  std::string by;           // empty: the overview
  std::string tls_version;  // empty: any session
  bool csv = false;
  bool outbound = false;
};

void declare(Options& options, Values& values) {
  period_options(options, values.period, "six days before the last");
  options.option("--domain", values.domain, "DOMAIN", "Only sessions with a recipient in this policy domain");
  options.option("--by", values.by, "WHAT",
                 "Group sessions by protection, version, day, domain, sender, host, address, mx, cipher or "
                 "failure, or received reports by reporter or result-type (default: an overview)");
  options.option("--tls-version", values.tls_version, "VERSION",
                 "Only sessions with this version: TLSv1.0, TLSv1.1, TLSv1.2 or TLSv1.3");
  options.flag("--csv", values.csv, "Print the table as CSV");
  options.flag("--outbound", values.outbound,
               "Our own mail instead, as tlsrpt-collector has counted it; --by domain, policy, result-type, "
               "mx or day");
}

constexpr auto received_words =
    enum_words<ReceivedBy>({{ReceivedBy::reporter, "reporter"}, {ReceivedBy::result_type, "result-type"}});

Result<SummaryRequest> parse_request(const Values& values, const Clock& clock) {
  SummaryRequest request{.period = TRY(parse_period(values.period, default_days, clock)),
                         .domain = TRY(parse_domain_option(values.domain))};
  if (!values.tls_version.empty()) request.tls_version = TRY(parse_tls_version(values.tls_version));
  if (values.by.empty()) return request;
  request.sessions_by = parse_grouping(values.by);
  request.received_by = received_words.find(values.by);
  if (request.is_overview()) {
    return fail(Fault::usage,
                "--by: '{}' is none of protection, version, day, domain, sender, host, address, mx, cipher, "
                "failure, reporter, result-type",
                printable(values.by));
  }
  if (request.tls_version && (request.received_by || request.sessions_by == Grouping::failure))
    return fail(Fault::usage, "--tls-version: sessions by {} have no TLS version", values.by);
  return request;
}

Result<OutboundRequest> parse_outbound_request(const Values& values, const Clock& clock) {
  OutboundRequest request{.period = TRY(parse_period(values.period, default_days, clock)),
                          .domain = TRY(parse_domain_option(values.domain)),
                          .by = std::nullopt,
                          .csv = values.csv};
  if (!values.tls_version.empty())
    return fail(Fault::usage, "--tls-version: the TLS version of outbound sessions is not known");
  if (values.by.empty()) return request;
  request.by = outbound::parse_group_by(values.by);
  if (!request.by) {
    return fail(Fault::usage, "--by: '{}' is none of domain, policy, result-type, mx, day",
                printable(values.by));
  }
  return request;
}

Result<int> run(const Values& values, const Context& context) {
  if (values.csv && context.json) return fail(Fault::usage, "--csv and --json exclude each other");
  if (values.outbound) {
    const auto request = TRY(parse_outbound_request(values, context.clock));
    TRY(print(TRY(outbound_summary(request, context))));
    return 0;
  }
  const SummaryRequest request = TRY(parse_request(values, context.clock));
  const SummaryContent content = TRY(read_summary(request, context));
  if (values.csv) {
    TRY(print(to_csv(to_table(content, request))));
  } else {
    TRY(print(context.json ? to_json(content, request) : render(content, request, context.configuration)));
  }
  return 0;
}

}  // namespace

Command summary_command() {
  return make_command(
      {.name = "summary",
       .summary = "Print how inbound sessions were protected, and what others report, as tables",
       .example = "tlsrpt-report summary --since 2026-11-01 --by sender"},
      declare, run);
}

}  // namespace starttls::report
