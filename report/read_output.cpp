#include "report/read_output.h"

#include <algorithm>
#include <utility>

#include "base/console.h"
#include "base/counted.h"
#include "base/log.h"
#include "base/saturated.h"
#include "base/text.h"
#include "report/tables.h"
#include "tlsrpt/explanation.h"
#include "tlsrptdb/suppressions.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_shown = 5;  // names of a kind in the text

std::string input_name(const Input& input) {
  const std::string name = input.name == "-" ? "standard input" : input.name;
  return input.message > 0 ? fmt::format("{}: mail {}", name, input.message) : name;
}

std::string report_days(const tlsrpt::ReportHead& head) {
  const std::string first = to_string(to_day(head.begin));
  // A report that ends at midnight is about the day before.
  const std::string last = to_string(to_day(std::max(head.begin, head.end - std::chrono::milliseconds{1})));
  return first == last ? first : first + " to " + last;
}

// "read", "duplicate", "read, older than 400 days, not stored"
std::string status_text(const Input& input, std::uint64_t retention_days) {
  if (input.status != InputStatus::read || !input.is_too_old) return std::string(to_string(input.status));
  return fmt::format("read, older than {}, not stored", counted(retention_days, "day"));
}

// "a.eml: bounce: no more reports to tls@example.org for 30 days: 550 no such user"
std::string bounce_line(const Input& input) {
  if (input.suppressed.empty())
    return fmt::format("{}: bounce, ignored: {}", input_name(input), input.reason);
  return fmt::format("{}: bounce: no more reports to {} for {}: {}", input_name(input),
                     list_some(input.suppressed, max_shown),
                     counted(static_cast<std::uint64_t>(tlsrptdb::suppression_time.count()), "day"),
                     input.reason);
}

std::string list_hosts(const FailureGroup& group) {
  std::vector<std::string> hosts;
  hosts.reserve(group.mx_hosts.size());
  for (const auto& [host, sessions] : group.mx_hosts) {
    hosts.push_back(fmt::format("{} ({})", printable(host, 100), sessions));
  }
  return list_some(hosts, max_shown);
}

std::string render(const FailureDigest::Key& key, const FailureGroup& group) {
  const auto& [domain, type] = key;
  const tlsrpt::Explanation& explanation = tlsrpt::explain_result_type(type);
  std::string text = fmt::format("\n{}: {}, {}\n", shown_policy_domain(domain), printable(type, 100),
                                 counted(group.sessions, "session"));
  const auto add = [&](std::string_view heading, const std::string& what) {
    if (!what.empty()) text += paragraph(heading, what);
  };
  add("  at:          ", list_hosts(group));
  add("  from:        ", list_some(group.sending_addresses, max_shown));
  add("  reported by: ", list_some(group.reporters, max_shown));
  add("  reason:      ", list_some(group.reasons, max_shown));
  add("  means:       ", std::string(explanation.meaning));
  add("  likely:      ", std::string(explanation.cause));
  add("  what to do:  ", std::string(explanation.remedy));
  return text;
}

std::string render(const Drift& drift) {
  const auto lines = [](const std::vector<std::string>& strings) {
    std::string text;
    for (const std::string& line : strings) text += (text.empty() ? "" : "; ") + printable(line, 200);
    return text.empty() ? "nothing" : text;
  };
  return fmt::format("\n{}: the published MTA-STS policy differs from the one that a reporter saw\n",
                     printable(drift.policy_domain, 200)) +
         paragraph("  seen:        ", fmt::format("{} (by {} on {})", lines(drift.seen),
                                                  printable(drift.reporter, 100), to_string(drift.day))) +
         paragraph("  published:   ", lines(drift.published)) +
         paragraph("  what to do:  ",
                   "If you have not changed the policy since then, check who serves the other one. Senders "
                   "use a cached policy until its max_age is over or the id in the TXT record changes.");
}

std::string render(const ReadTotals& totals) {
  std::string text;
  for (const auto& [key, group] : totals.failures.groups()) text += render(key, group);
  if (totals.failures.suppressed() > 0) {
    text += fmt::format("\nFailures of further kinds, not shown: {}\n",
                        counted(totals.failures.suppressed(), "session"));
  }
  for (const Drift& drift : totals.drifts) text += render(drift);
  if (!totals.others.empty())
    text += "\n" + paragraph("", fmt::format("Reports {}.", totals.others.description()));
  if (!text.empty()) text += "\n";
  text += fmt::format("{} read, {}, {} rejected", counted(totals.read, "report"),
                      counted(totals.duplicates, "duplicate"), totals.rejected);
  if (totals.bounces > 0) text += ", " + counted(totals.bounces, "bounce");
  return text + "\n";
}

bool is_stored(const Input& input, bool stores) {
  return stores && !input.is_too_old;
}

void to_json(json::JsonText& json, const Input& input, bool stores, std::uint64_t retention_days) {
  json.begin_object();
  json.member("input", input.name);
  if (input.message > 0) json.member("mail", input.message);
  json.member("status", to_string(input.status));
  if (is_report(input)) json.member("stored", is_stored(input, stores));
  if (input.status == InputStatus::read && input.is_too_old)
    json.member("reason", status_text(input, retention_days));
  if (!is_report(input)) json.member("reason", input.reason);
  if (input.status == InputStatus::bounce) json.member("suppressed", input.suppressed);
  if (!input.saved_as.empty()) json.member("saved_as", input.saved_as);
  json.member("warnings", input.warnings);
  if (is_report(input)) json.member("authenticated", !input.signer.empty());
  if (is_report(input)) {
    json.key("report");
    tlsrpt::to_json(json, {.head = input.head, .policies = input.policies});
  }
  json.end_object();
}

void to_json(json::JsonText& json, const FailureDigest::Key& key, const FailureGroup& group) {
  const tlsrpt::Explanation& explanation = tlsrpt::explain_result_type(key.second);
  json.begin_object();
  json.member("policy_domain", key.first);
  json.member("result_type", key.second);
  json.member("sessions", group.sessions);
  json.key("mx_hosts");
  json.begin_array();
  for (const auto& [host, sessions] : group.mx_hosts) {
    json.begin_object();
    json.member("name", host);
    json.member("sessions", sessions);
    json.end_object();
  }
  json.end_array();
  json.member("reporters", group.reporters);
  json.member("sending_addresses", group.sending_addresses);
  json.member("reasons", group.reasons);
  json.member("meaning", explanation.meaning);
  json.member("cause", explanation.cause);
  json.member("remedy", explanation.remedy);
  json.end_object();
}

void to_json(json::JsonText& json, const ReadTotals& totals) {
  json.key("failures");
  json.begin_array();
  for (const auto& [key, group] : totals.failures.groups()) to_json(json, key, group);
  json.end_array();
  json.key("drift");
  json.begin_array();
  for (const Drift& drift : totals.drifts) {
    json.begin_object();
    json.member("policy_domain", drift.policy_domain);
    json.member("reporter", drift.reporter);
    json.member("day", to_string(drift.day));
    json.member("seen", drift.seen);
    json.member("published", drift.published);
    json.end_object();
  }
  json.end_array();
  totals.others.to_json(json);
  json.member("suppressed_failed_sessions", totals.failures.suppressed());
  json.member("read", totals.read);
  json.member("duplicates", totals.duplicates);
  json.member("rejected", totals.rejected);
  json.member("bounces", totals.bounces);
}

}  // namespace

std::string describe(const Input& input, std::uint64_t retention_days) {
  std::vector<std::string> domains;
  domains.reserve(input.domains.size());
  for (const auto& [domain, sums] : input.domains)
    domains.push_back(domain.empty() ? "(none given)" : domain);
  const std::string name = input_name(input);
  return fmt::format("{}{}{}: {} about {}, {}: {}, {} failed", name, name.empty() ? "" : ": ",
                     status_text(input, retention_days), shown_reporter(input.head.organization_name),
                     list_some(domains, max_shown), report_days(input.head),
                     counted(saturated_sum(input.successful, input.failed), "session"), input.failed);
}

void ReadTotals::add(const Input& input) {
  read += input.status == InputStatus::read ? 1 : 0;
  duplicates += input.status == InputStatus::duplicate ? 1 : 0;
  rejected += input.status == InputStatus::rejected ? 1 : 0;
  bounces += input.status == InputStatus::bounce ? 1 : 0;
  failures.add(input.head.organization_name, input.failures);
  seen.add(input);
}

ReadOutput::ReadOutput(const Context& context, bool stores) : context_(context), stores_(stores) {
  if (!context.json) return;
  json_.begin_object();
  json_.key("inputs");
  json_.begin_array();
}

void ReadOutput::warn(const std::string& message) const {
  if (context_.is_from_alias()) {
    log_warning("{}", message);
  } else {
    command::warn(context_, message);
  }
}

void ReadOutput::report_problems(const Input& input) const {
  if (input.status == InputStatus::rejected) {
    const std::string saved =
        input.saved_as.empty() ? "" : fmt::format("; saved as {}", printable(input.saved_as));
    const std::string message = fmt::format("{}: rejected: {}{}", input_name(input), input.reason, saved);
    if (context_.is_from_alias()) {
      log_warning("{}", message);
    } else {
      print_error(context_.program, message);
    }
  }
  for (const std::string& warning : input.warnings) warn(fmt::format("{}: {}", input_name(input), warning));
}

void ReadOutput::add(const Input& input) {
  const std::uint64_t retention_days = context_.configuration.milter.retention_days;
  totals_.add(input);
  report_problems(input);
  const bool has_line = !context_.json && !context_.quiet && input.status != InputStatus::rejected;
  if (has_line)
    lines_ +=
        (input.status == InputStatus::bounce ? bounce_line(input) : describe(input, retention_days)) + "\n";
  if (input.status == InputStatus::bounce && context_.is_from_alias()) log_info("{}", bounce_line(input));
  if (!has_line && stores_ && input.status == InputStatus::read && input.is_too_old)
    warn(fmt::format("{}: {}", input_name(input), status_text(input, retention_days)));
  if (context_.json) to_json(json_, input, stores_, retention_days);
}

Result<void> ReadOutput::flush() {
  if (context_.is_from_alias()) return {};
  return print(context_.json ? json_.take_part() : std::exchange(lines_, {}));
}

Result<void> ReadOutput::finish() {
  if (context_.is_from_alias()) return {};
  if (!context_.json) return print(render(totals_));
  json_.end_array();
  to_json(json_, totals_);
  json_.end_object();
  return print(json_.take());
}

}  // namespace starttls::report
