// The part of the page about failures: those in the mail server's log and those in reports. If both mean the
// same, they have one name.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/counted.h"
#include "base/saturated.h"
#include "base/text.h"
#include "html/page.h"
#include "html/table.h"
#include "html/text.h"
#include "report/charts.h"
#include "report/local_failures.h"
#include "report/page_sections.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_kinds = 15;

struct Kind {
  std::string name;
  std::string shown;
  std::uint64_t logged = 0;    // handshakes at our MX hosts
  std::uint64_t reported = 0;  // sessions, by others
  std::set<std::string> reporters;
  std::set<std::string> domains;
  std::string reported_as;  // the result type that senders report; "" if that is the name

  std::uint64_t all() const { return saturated_sum(logged, reported); }
};

// A name that is used only in the log is not joined with the same word in a report.
using Kinds = std::map<std::pair<bool, std::string>, Kind>;

Kinds collect_kinds(const PageContent& content) {
  Kinds kinds;
  for (const auto& [word, f] : content.failures) {
    const auto parsed = session::parse_handshake_failure(word);
    const session::HandshakeFailure failure = parsed.value_or(session::HandshakeFailure::other);
    const bool is_joined = has_own_result_type(failure);
    const std::string name(failure_name(failure));
    Kind& kind = kinds[{!is_joined, name}];
    kind.name = kind.shown = name;
    add_saturated(kind.logged, f.sessions);
    if (!is_joined) kind.reported_as = result_type(failure);
  }
  for (const auto& [key, group] : content.received.failures().groups()) {
    const auto& [domain, type] = key;
    Kind& kind = kinds[{false, type}];
    kind.name = type;
    kind.shown = type;
    add_saturated(kind.reported, group.sessions);
    kind.reporters.insert(group.reporters.begin(), group.reporters.end());
    kind.domains.insert(domain.empty() ? shown_policy_domain(domain) : domain);
  }
  return kinds;
}

std::string describe_sources(const Kind& kind) {
  std::string text;
  if (kind.logged > 0) {
    text += fmt::format("{} at our MX hosts, by the mail server's log",
                        html::grouped_count(kind.logged, "failed handshake"));
  }
  if (kind.logged > 0 && kind.reported > 0) text += "; ";
  if (kind.reported > 0) {
    text += fmt::format("{}, by {} about {}", html::grouped_count(kind.reported, "session"),
                        counted(kind.reporters.size(), "reporter"), list_some(kind.domains, 3));
  }
  if (!kind.reported_as.empty()) text += fmt::format(". Senders report this as {}", kind.reported_as);
  return text + ".";
}

std::string kind_html(const Kind& kind, std::uint64_t largest) {
  const tlsrpt::Explanation& explanation =
      kind.reported_as.empty() ? tlsrpt::explain_result_type(kind.name) : explain_failure(kind.name);
  return fmt::format(
      "<div class=\"failure\"><h3>{}</h3>\n{}\n<p class=\"soft\">{}</p>\n<p>{} {}</p>\n<p><b>What to do:</b> "
      "{}</p></div>\n",
      html::name(kind.shown), bar({{"failed", kind.logged}, {"reported", kind.reported}}, largest),
      html::escape(describe_sources(kind)), html::text(explanation.meaning), html::text(explanation.cause),
      html::text(explanation.remedy));
}

std::string figures(const PageContent& content) {
  html::Table table(
      "Failures by policy domain, as others report them",
      {{"Failure"}, {"Policy domain", html::ColumnKind::text}, {"Reporters"}, {"MX hosts"}, {"Sessions"}});
  std::vector<std::pair<FailureDigest::Key, FailureGroup>> sorted(
      content.received.failures().groups().begin(), content.received.failures().groups().end());
  if (sorted.empty()) return {};
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& one) { return one.second.sessions; });
  for (const auto& [key, group] : sorted | std::views::take(html::max_table_rows)) {
    table.add(html::name(key.second),
              {html::name(key.first.empty() ? shown_policy_domain(key.first) : key.first),
               html::grouped_digits(group.reporters.size()), html::grouped_digits(group.mx_hosts.size()),
               html::grouped_digits(group.sessions)});
  }
  return html::details("Figures by policy domain", table.html());
}

}  // namespace

std::string failures_section(const PageContent& content) {
  const Kinds by_name = collect_kinds(content);
  std::vector<Kind> kinds;
  kinds.reserve(by_name.size());
  for (const auto& [key, kind] : by_name) kinds.push_back(kind);
  if (kinds.empty()) {
    if (!content.why_empty.empty()) return {};
    return html::section("Failures",
                         content.follows_log || content.domain
                             ? "None were seen in the log of the mail server or reported by others."
                             : "None were reported by others. Whether handshakes failed at our MX hosts "
                               "is not known: mta_log is not set in tlsrpt.toml(5).",
                         "");
  }
  std::ranges::stable_sort(kinds, std::ranges::greater(), [](const Kind& kind) { return kind.all(); });
  std::string out =
      legend({{"at our MX hosts, by the mail server's log", "failed"}, {"reported by others", "reported"}});
  for (const Kind& kind : kinds | std::views::take(max_kinds)) out += kind_html(kind, kinds.front().all());
  if (kinds.size() > max_kinds) {
    out += fmt::format("<p class=\"failure soft\">and {} more kinds, with fewer sessions.</p>\n",
                       kinds.size() - max_kinds);
  }
  return html::section(
      "Failures",
      "Handshakes that failed at our MX hosts, and failures that others reported, with what each means.",
      out + figures(content));
}

}  // namespace starttls::report
