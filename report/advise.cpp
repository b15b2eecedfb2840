#include <algorithm>
#include <ranges>

#include "base/console.h"
#include "base/counted.h"
#include "base/text.h"
#include "command/command_line.h"
#include "json/json_text.h"
#include "report/advice.h"
#include "report/commands.h"
#include "report/empty_result.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_shown = 10;  // senders, to a person

std::string affected_in_words(const std::vector<AffectedSender>& affected, std::string_view heading) {
  if (affected.empty()) return {};
  std::string text = fmt::format("  {}:\n", heading);
  for (const AffectedSender& hit : affected | std::views::take(max_shown)) {
    text += paragraph("    ",
                      fmt::format("{}: {}{}{}", printable(hit.sender, 200), counted(hit.sessions, "session"),
                                  hit.what.empty() ? "" : ", ", printable(hit.what, 300)));
  }
  if (affected.size() > max_shown) text += fmt::format("    and {} more\n", affected.size() - max_shown);
  return text;
}

std::string in_words(const Advice& advice, const std::string& domain, const store::Period& period) {
  std::string text =
      fmt::format("{}, {} to {} (UTC)\n\n", domain, to_string(period.since), to_string(period.until));
  const auto add = [&](std::string_view question, std::string_view answer, const std::string& reason) {
    text += fmt::format("{}: {}\n", question, answer) + paragraph("  ", reason);
  };
  add("MTA-STS from testing to enforce", word_of(advice.enforce.readiness), advice.enforce.reason);
  text += affected_in_words(advice.enforce.affected, "reporters with failures");
  for (const std::string& remark : advice.enforce.remarks) text += paragraph("  ", remark);
  add("\nRefusing plaintext", word_of(advice.plaintext.readiness), advice.plaintext.reason);
  text += affected_in_words(advice.plaintext.affected, "senders in plaintext");
  add("\nHighest TLS version that may be demanded",
      advice.version.least.empty() ? "unknown" : advice.version.least, advice.version.reason);
  text += affected_in_words(advice.version.affected, "senders below the next version");
  return text;
}

void put(json::JsonText& json, const std::vector<AffectedSender>& affected) {
  json.key("senders");
  json.begin_array();
  for (const AffectedSender& hit : affected) {
    json.begin_object();
    json.member("sender", hit.sender);
    json.member("sessions", hit.sessions);
    if (!hit.what.empty()) json.member("what", hit.what);
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
  json.member("readiness", word_of(advice.enforce.readiness));
  json.member("reason", advice.enforce.reason);
  json.member("reporters", advice.enforce.reporters);
  json.member("days", advice.enforce.days);
  json.member("sessions", advice.enforce.sessions.all());
  json.member("failed", advice.enforce.sessions.failed);
  put(json, advice.enforce.affected);
  json.member("remarks", advice.enforce.remarks);
  advice.enforce.others.put(json);
  json.end_object();
  json.key("refuse_plaintext");
  json.begin_object();
  json.member("readiness", word_of(advice.plaintext.readiness));
  json.member("reason", advice.plaintext.reason);
  json.member("sessions", advice.plaintext.sessions);
  json.member("plaintext", advice.plaintext.plaintext);
  put(json, advice.plaintext.affected);
  json.end_object();
  json.key("least_tls_version");
  json.begin_object();
  json.member("version", advice.version.least);
  json.member("reason", advice.version.reason);
  put(json, advice.version.affected);
  json.end_object();
  json.end_object();
  return json.take();
}

// What was asked must be ready; what nothing is known of does not count where the other is known.
Result<bool> is_ready(const Advice& advice, const std::string& about) {
  const Readiness enforce = advice.enforce.readiness;
  const Readiness plaintext = advice.plaintext.readiness;
  if (about == "enforce") return enforce == Readiness::ready;
  if (about == "tls") return plaintext == Readiness::ready;
  if (about != "all") return fail(Fault::usage, "--for: '{}' is none of all, enforce, tls", printable(about));
  const bool none_against = enforce != Readiness::not_ready && plaintext != Readiness::not_ready;
  return none_against && (enforce == Readiness::ready || plaintext == Readiness::ready);
}

}  // namespace

void add_advise_command(CLI::App& app, AdviseOptions& options) {
  auto* command =
      app.add_subcommand("advise", "Whether a policy domain may demand TLS, and who would be hit");
  command->add_option("DOMAIN", options.domain, "Policy domain")->type_name("")->required();
  command->add_option("--since", options.since, "First day (default: 27 days before the last)")
      ->type_name("DAY");
  command->add_option("--until", options.until, "Last day: YYYY-MM-DD, today (default) or yesterday")
      ->type_name("DAY");
  command->add_option("--for", options.about, "What decides the exit status: all (default), enforce or tls")
      ->type_name("WHAT");
  command
      ->add_option("--tolerance", options.settings.tolerance,
                   "Percent of the sessions that may be hit (default 0.1)")
      ->type_name("PERCENT")
      ->check(CLI::Range(0.0, 100.0));
  command->footer("Example:\n  tlsrpt-report advise example.org --for enforce");
}

Result<int> run_advise(const AdviseOptions& options, const Surroundings& surroundings) {
  const auto period =
      period_argument(options.since, options.until, std::chrono::days{27}, surroundings.clock);
  if (!period) return std::unexpected(period.error());
  const auto domain = DomainName::parse(options.domain);
  if (!domain) return fail(Fault::usage, "{}", domain.error().message);
  const auto days = static_cast<std::uint64_t>((period->until - period->since).count()) + 1;
  Adviser adviser(options.settings, domain->str(), days, requires_authentication(surroundings.configuration));
  OurDomains facts = our_facts(surroundings, domain->str());
  auto done = read_sessions(surroundings.configuration, *period, [&](const auto& of, const auto& count) {
    facts.add(of, count);
    adviser.add(of, count);
  });
  if (done) {
    done = read_received(surroundings.configuration, facts, *period, domain->str(),
                         [&](const Reported& reported) { adviser.add(reported); });
  }
  if (!done) return std::unexpected(done.error());
  const Advice advice = adviser.advice();
  const auto ready = is_ready(advice, options.about);
  if (!ready) return std::unexpected(ready.error());
  std::string text = surroundings.json ? to_json(advice, domain->str(), *period, *ready)
                                       : in_words(advice, domain->str(), *period);
  if (!surroundings.json && advice.plaintext.sessions == 0) {
    const auto recorded = read_recorded(surroundings.configuration, *period, domain->str());
    if (!recorded) return std::unexpected(recorded.error());
    text += "\n" + paragraph("", why_no_sessions(*recorded, surroundings.configuration.state_dir.string(),
                                                 *period, domain->str()));
  }
  auto printed = print(text);
  if (!printed) return std::unexpected(printed.error());
  return *ready ? 0 : 1;
}

}  // namespace starttls::report
