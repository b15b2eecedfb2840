#include <algorithm>
#include <ranges>

#include "base/console.h"
#include "base/counted.h"
#include "base/domain.h"
#include "base/text.h"
#include "base/try.h"
#include "json/json_text.h"
#include "report/advice.h"
#include "report/arguments.h"
#include "report/commands.h"
#include "report/empty_result.h"
#include "report/our_domains.h"
#include "report/own_results.h"
#include "report/senders.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_shown = 10;          // senders in the text
constexpr std::chrono::days default_days{27};  // before the last one

struct Values {
  std::string domain;
  PeriodValues period;
  std::string scope = "all";
  AdviceSettings settings;
};

void declare(Options& options, Values& values) {
  options.argument("DOMAIN", values.domain, "Policy domain").required();
  period_options(options, values.period, "27 days before the last");
  options
      .option("--for", values.scope, "WHAT",
              "What the exit status is about: enforce (MTA-STS), tls (refuse plaintext) or all (default)")
      .choices({"all", "enforce", "tls"});
  options
      .option("--tolerance", values.settings.tolerance, "PERCENT",
              "Percent of the sessions that may be affected, from 0 to 100 (default: 0.1)")
      .range(0.0, 100.0);
}

std::string render_affected(const std::vector<AffectedSender>& affected, std::string_view heading) {
  if (affected.empty()) return {};
  std::string text = fmt::format("  {}:\n", heading);
  for (const AffectedSender& one : affected | std::views::take(max_shown)) {
    text += paragraph("    ",
                      fmt::format("{}: {}{}{}", printable(one.sender, 200), counted(one.sessions, "session"),
                                  one.failures.empty() ? "" : ", ", printable(one.failures, 300)));
  }
  if (affected.size() > max_shown) text += fmt::format("    and {} more\n", affected.size() - max_shown);
  return text;
}

std::string render(const Advice& advice, const std::string& domain, const store::Period& period) {
  std::string text =
      fmt::format("{}, {} to {} (UTC)\n\n", domain, to_string(period.since), to_string(period.until));
  const auto add = [&](std::string_view question, std::string_view answer, const std::string& reason) {
    text += fmt::format("{}: {}\n", question, answer) + paragraph("  ", reason);
  };
  add("MTA-STS mode enforce", to_string(advice.enforce.readiness), advice.enforce.reason);
  text += render_affected(advice.enforce.affected, "reporters with failures");
  for (const std::string& remark : advice.enforce.remarks) text += paragraph("  ", remark);
  add("\nRefuse plaintext", to_string(advice.plaintext.readiness), advice.plaintext.reason);
  text += render_affected(advice.plaintext.affected, "senders in plaintext");
  add("\nHighest TLS version that can be required",
      advice.version.version.empty() ? "unknown" : version_label(advice.version.version),
      advice.version.reason);
  text += render_affected(advice.version.affected, "senders below the next version");
  return text;
}

void to_json(json::JsonText& json, const std::vector<AffectedSender>& affected) {
  json.key("senders");
  json.begin_array();
  for (const AffectedSender& one : affected) {
    json.begin_object();
    json.member("sender", one.sender);
    json.member("sessions", one.sessions);
    if (!one.failures.empty()) json.member("failures", one.failures);
    json.end_object();
  }
  json.end_array();
}

std::string to_json(const Advice& advice, const std::string& domain, const store::Period& period,
                    bool ready) {
  json::JsonText json;
  json.begin_object();
  json.member("domain", domain);
  json.member("since", to_string(period.since));
  json.member("until", to_string(period.until));
  json.member("ready", ready);
  json.key("enforce");
  json.begin_object();
  json.member("readiness", to_string(advice.enforce.readiness));
  json.member("reason", advice.enforce.reason);
  json.member("reporters", advice.enforce.reporters);
  json.member("days", advice.enforce.days);
  json.member("sessions", advice.enforce.sessions.all());
  json.member("failed", advice.enforce.sessions.failed);
  to_json(json, advice.enforce.affected);
  json.member("remarks", advice.enforce.remarks);
  advice.enforce.others.to_json(json);
  json.end_object();
  json.key("refuse_plaintext");
  json.begin_object();
  json.member("readiness", to_string(advice.plaintext.readiness));
  json.member("reason", advice.plaintext.reason);
  json.member("sessions", advice.plaintext.sessions);
  json.member("plaintext", advice.plaintext.plaintext);
  to_json(json, advice.plaintext.affected);
  json.end_object();
  json.key("min_tls_version");
  json.begin_object();
  json.member("version", advice.version.version);
  json.member("reason", advice.version.reason);
  to_json(json, advice.version.affected);
  json.end_object();
  json.end_object();
  return json.take();
}

Result<int> run(const Values& values, const Context& context) {
  const store::Period period = TRY(parse_period(values.period, default_days, context.clock));
  const auto parsed = DomainName::parse(values.domain);
  if (!parsed) return fail(Fault::usage, "{}", parsed.error().message);
  const std::string& domain = parsed->str();
  const auto days = static_cast<std::uint64_t>((period.until - period.since).count()) + 1;
  Adviser adviser(values.settings, domain, days, requires_authentication(context.configuration));
  OurDomains ours = load_our_domains(context, domain);
  TRY(read_sessions(context.configuration, period, [&](const auto& sessions, const auto& count) {
    ours.add(sessions, count);
    adviser.add(sessions, count);
  }));
  TRY(read_received(context.configuration, ours, period, domain,
                    [&](const Reported& reported) { adviser.add(reported); }));
  TRY(read_own_results(context, ours, period, domain,
                       [&](const Reported& reported) { adviser.add(reported); }));
  const Advice advice = adviser.advice();
  const bool ready = is_ready(advice, values.scope);
  std::string text = context.json ? to_json(advice, domain, period, ready) : render(advice, domain, period);
  if (!context.json && advice.plaintext.sessions == 0) {
    const Recorded recorded = TRY(read_recorded(context.configuration, period, domain));
    text += "\n" + paragraph("", why_no_sessions(recorded, context.configuration.state_dir.string(), period,
                                                 domain));
  }
  TRY(print(text));
  return ready ? 0 : 1;
}

}  // namespace

Command advise_command() {
  return make_command(
      {.name = "advise",
       .summary = "Check whether a policy domain can enforce TLS, and which senders would be affected",
       .example = "tlsrpt-report advise example.org --for enforce"},
      declare, run);
}

}  // namespace starttls::report
