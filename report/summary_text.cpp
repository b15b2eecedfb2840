// The summary as text, and its tables.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/counted.h"
#include "base/saturated.h"
#include "base/text.h"
#include "report/empty_result.h"
#include "report/local_failures.h"
#include "report/summary_content.h"
#include "report/terminal.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_named_reporters = 5;
constexpr std::size_t max_named_senders = 10;  // of a TLS version; --tls-version shows all

std::string headline(std::string_view what, const SummaryRequest& request) {
  const std::string with = request.tls_version ? " with " + version_label(*request.tls_version) : "";
  const std::string recipients = request.domain ? " for " + *request.domain : "";
  return fmt::format("{}{}{} {} (UTC)\n\n", what, with, recipients, on_days(request.period));
}

std::string title(Grouping by) {
  switch (by) {
    case Grouping::protection:
      return "Protection";
    case Grouping::day:
      return "Day";
    case Grouping::domain:
      return "Policy domain";
    case Grouping::version:
      return "TLS version";
    case Grouping::sender:
      return "Sending domain";
    case Grouping::host:
      return "Sending host";
    case Grouping::address:
      return "Sending address";
    case Grouping::mx:
      return "Our MX host";
    case Grouping::cipher:
      return "Cipher";
    case Grouping::failure:
      return "Failed handshake";
  }
  std::unreachable();
}

Table protection_table(const GroupedFigures& groups) {
  const std::uint64_t whole = sum(groups).sessions;
  Table table{.head = {"Protection", "Sessions", "Share", "Messages"}};
  const auto add_row = [&](const std::string& protection, const Figures& f) {
    table.rows.push_back({protection_label(version_label(printable(protection))), std::to_string(f.sessions),
                          percent(f.sessions, whole), std::to_string(f.messages)});
  };
  // The newest TLS version first, then what was not encrypted.
  for (const auto& [protection, f] : std::views::reverse(groups)) {
    if (f.tls > 0) add_row(protection, f);
  }
  for (const auto& [protection, f] : groups) {
    if (f.tls == 0) add_row(protection, f);
  }
  return table;
}

Table version_table(const std::map<std::string, VersionUse>& versions) {
  std::uint64_t whole = 0;
  for (const auto& [version, use] : versions) whole += use.figures.sessions;
  Table table{.head = {"TLS version", "Sessions", "Share", "Messages", "Senders", "Last day"}};
  for (const auto& [version, use] : std::views::reverse(versions)) {
    table.rows.push_back({version_label(printable(version)), std::to_string(use.figures.sessions),
                          percent(use.figures.sessions, whole), std::to_string(use.figures.messages),
                          std::to_string(use.senders.size()), to_string(use.last)});
  }
  return table;
}

Table failure_table(const GroupedFigures& groups) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& g) { return g.second.sessions; });
  Table table{.head = {"Failed handshake", "Result type of RFC 8460", "Sessions"}};
  for (const auto& [name, f] : sorted) {
    const auto failure = session::parse_handshake_failure(name);
    table.rows.push_back({printable(name), std::string(failure ? result_type(*failure) : std::string_view()),
                          std::to_string(f.sessions)});
  }
  return table;
}

// Groups of sessions with one TLS version.
Table version_group_table(const GroupedFigures& groups, Grouping by) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  if (by != Grouping::day) {
    std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& g) { return g.second.sessions; });
  }
  Table table{.head = {title(by), "Sessions", "Messages"}, .rows = {}};
  for (const auto& [name, f] : sorted)
    table.rows.push_back({printable(name), std::to_string(f.sessions), std::to_string(f.messages)});
  return table;
}

// Sessions without a recipient belong to no policy domain, so a table of policy domains has no columns for
// them.
Table group_table(const GroupedFigures& groups, Grouping by, bool has_recipients) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  if (by == Grouping::sender || by == Grouping::host || by == Grouping::address) {
    // The senders in plaintext first: they need attention most.
    std::ranges::stable_sort(sorted, std::ranges::greater(),
                             [](const auto& g) { return std::pair(g.second.plaintext, g.second.sessions); });
  }
  Table table{.head = {title(by), "Sessions", "TLS", "Plaintext"}};
  if (!has_recipients) table.head.insert(table.head.end(), {"Failed", "No mail"});
  table.head.insert(table.head.end(), {"TLS %", "Messages"});
  table.rows.reserve(sorted.size());
  for (const auto& [name, f] : sorted) {
    std::vector<std::string> row{printable(name), std::to_string(f.sessions), std::to_string(f.tls),
                                 std::to_string(f.plaintext)};
    if (!has_recipients)
      row.insert(row.end(), {std::to_string(f.failed), std::to_string(f.no_mail + f.no_helo)});
    row.insert(row.end(), {percent(f.tls, f.tls + f.plaintext), std::to_string(f.messages)});
    table.rows.push_back(std::move(row));
  }
  return table;
}

Table reporter_table(const ReceivedFigures& received) {
  Table table{.head = {"Reporter", "Reports", "Sessions", "Failed", "Failed %", "Last day"}};
  for (const auto& [name, f] : received.reporters()) {
    table.rows.push_back({shown_reporter(name), std::to_string(f.reports), std::to_string(f.sessions.all()),
                          std::to_string(f.sessions.failed), percent(f.sessions.failed, f.sessions.all()),
                          to_string(f.last)});
  }
  return table;
}

Table result_type_table(const ReceivedFigures& received) {
  Table table{.head = {"Result type, policy domain", "Sessions", "Reporters", "MX hosts"}};
  for (const auto& [key, group] : received.failures().groups()) {
    const auto& [domain, type] = key;
    table.rows.push_back({fmt::format("{}, {}", printable(type, 100), shown_policy_domain(domain)),
                          std::to_string(group.sessions), std::to_string(group.reporters.size()),
                          std::to_string(group.mx_hosts.size())});
  }
  std::ranges::stable_sort(table.rows, {}, [](const auto& row) { return row[0]; });
  return table;
}

std::string prose(std::string_view heading, std::string_view text) {
  return paragraph(heading, text, std::min(prose_width, output_width().value_or(prose_width)));
}

// The senders of deprecated versions.
std::string render_deprecated_versions(const SummaryContent& content) {
  std::string text;
  for (const auto& [version, use] : content.versions) {
    if (!is_deprecated(version)) continue;
    std::vector<std::pair<std::string, std::uint64_t>> senders(use.senders.begin(), use.senders.end());
    std::ranges::stable_sort(senders, std::ranges::greater(), [](const auto& s) { return s.second; });
    std::vector<std::string> names;
    names.reserve(senders.size());
    for (const auto& [name, sessions] : senders) names.push_back(fmt::format("{} ({})", name, sessions));
    const std::string label = version_label(printable(version));
    text += "\n" + prose(label + ": ", list_some(names, max_named_senders)) +
            fmt::format("All of them: tlsrpt-report summary --tls-version {} --by sender\n", label);
  }
  return text;
}

// What the words in the table of failed handshakes mean.
std::string render_failure_legend(const GroupedFigures& groups) {
  std::string text;
  for (const auto& [name, f] : groups) {
    const auto failure = session::parse_handshake_failure(name);
    if (failure) text += prose(printable(name) + ": ", explain_result_type(*failure).meaning);
  }
  if (text.empty()) return {};
  return "\n" + text + "\n" +
         prose("",
               "The result type is what a report of the sender would call the failure. tlsrpt-report html "
               "shows likely causes, and what to do.");
}

// Failed handshakes that are not in the tables.
std::string render_failed_handshakes(const SummaryContent& content, const SummaryRequest& request,
                                     const std::string& mta_log) {
  if (request.tls_version) return {};
  if (content.all.failed > 0 && (request.domain || request.is_overview())) {
    return "\n" + prose("", fmt::format("{} with a failed TLS handshake had no recipient, so {} to no policy "
                                        "domain; see tlsrpt-report summary --by failure.",
                                        counted(content.all.failed, "session"),
                                        content.all.failed == 1 ? "it belongs" : "they belong"));
  }
  const std::uint64_t no_mail = content.all.no_mail + content.all.no_helo;
  if (content.all.failed > 0 || no_mail == 0 || !mta_log.empty() || request.domain) return {};
  return "\n" + prose("", fmt::format("mta_log is not set in tlsrpt.toml(5): TLS handshakes that failed are "
                                      "counted with other sessions without TLS and mail ({}).",
                                      no_mail));
}

// "" if there are none.
std::string render_counted_once(const ReceivedFigures& received) {
  std::uint64_t sessions = 0;
  std::set<std::string> reporters;
  for (const auto& [name, f] : received.reporters()) {
    add_saturated(sessions, f.counted_once);
    if (f.counted_once > 0) reporters.insert(name.empty() ? "(no name)" : name);
  }
  if (sessions == 0) return {};
  return "\n" +
         prose("", fmt::format(
                       "{} of {} are listed under two policies of one report, tlsa and sts, and count once.",
                       counted(sessions, "session"), list_some(reporters, max_named_reporters)));
}

std::string render_others(const OtherDomains& others) {
  return others.empty() ? "" : "\n" + prose("", others.description() + ".");
}

}  // namespace

Table to_table(const SummaryContent& content, const SummaryRequest& request) {
  if (request.received_by == ReceivedBy::reporter) return reporter_table(content.received);
  if (request.received_by == ReceivedBy::result_type) return result_type_table(content.received);
  if (!request.sessions_by || request.sessions_by == Grouping::protection)
    return protection_table(request.sessions_by ? content.sessions : content.protection);
  if (request.sessions_by == Grouping::version) return version_table(content.versions);
  if (request.sessions_by == Grouping::failure) return failure_table(content.sessions);
  if (request.tls_version) return version_group_table(content.sessions, *request.sessions_by);
  const bool has_recipients = request.domain || request.sessions_by == Grouping::domain;
  return group_table(content.sessions, *request.sessions_by, has_recipients);
}

std::string render(const SummaryContent& content, const SummaryRequest& request,
                   const config::TlsrptConfig& configuration) {
  const OutputWidth width = output_width();
  const std::string sessions = headline("Inbound sessions", request);
  const std::string received = headline("Received reports", request);
  const bool has_received = !content.received.reporters().empty();
  std::string out;
  if (!content.why_empty.empty()) {
    out += prose("", content.why_empty);
  } else if (request.received_by) {
    out += received + to_columns(to_table(content, request), width);
  } else {
    out += sessions + to_columns(to_table(content, request), width);
    if (request.is_overview() && !request.domain && !content.domains.empty()) {
      const Table domains = request.tls_version ? version_group_table(content.domains, Grouping::domain)
                                                : group_table(content.domains, Grouping::domain, true);
      out += "\n" + to_columns(domains, width);
    }
    if (request.sessions_by == Grouping::version) out += render_deprecated_versions(content);
    if (request.sessions_by == Grouping::failure) out += render_failure_legend(content.sessions);
    out += render_failed_handshakes(content, request, configuration.milter.mta_log);
  }
  const std::string others = render_others(content.received.others());
  if (request.is_overview() && has_received)
    out += "\n" + received + to_columns(reporter_table(content.received), width);
  if (request.is_overview() && !has_received && !others.empty())
    out += "\n" + received.substr(0, received.size() - 1);
  return out + render_counted_once(content.received) + others;
}

}  // namespace starttls::report
