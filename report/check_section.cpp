// The part of the page about domains that `starttls-listtool check --watch` watches: what happens to mail to them, and
// what is wrong.
#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <ranges>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

#include "base/text.h"
#include "checkdb/known_domain.h"
#include "examination/finding.h"
#include "examination/judge.h"
#include "html/page.h"
#include "html/table.h"
#include "html/text.h"
#include "report/charts.h"
#include "report/page_sections.h"

namespace starttls::report {
namespace {

using checkdb::KnownDomain;
using checkdb::KnownFinding;
using examination::Level;
using examination::Sender;
using Entry = std::pair<DomainName, KnownDomain>;

// The timer runs once a day, and a run may fail.
constexpr std::chrono::hours max_age{48};

std::string_view shown(Sender sender) {
  switch (sender) {
    case Sender::mta_sts:
      return "A sender with MTA-STS";
    case Sender::dane:
      return "One with DANE";
    case Sender::list:
      return "One with the list or override";
    case Sender::opportunistic:
      return "Any other";
  }
  std::unreachable();
}

std::string outcomes_html(const KnownDomain& known) {
  std::string list;
  for (const checkdb::KnownOutcome& each : known.outcomes)
    list += fmt::format("<li>{} {}</li>", shown(each.sender), to_string(each.outcome));
  return list.empty() ? "-" : R"(<ul class="hosts">)" + list + "</ul>";
}

std::size_t count(const KnownDomain& known, Level level) {
  return static_cast<std::size_t>(std::ranges::count_if(
      known.findings, [level](const KnownFinding& each) { return each.level == level && !each.is_gone; }));
}

// The worst first.
std::vector<Entry> sorted_entries(const checkdb::KnownDomains& domains) {
  std::vector<Entry> entries(domains.begin(), domains.end());
  std::ranges::stable_sort(entries, std::ranges::greater(), [](const Entry& entry) {
    return std::tuple(examination::badness(worst(entry.second)), count(entry.second, Level::fault),
                      count(entry.second, Level::warning));
  });
  return entries;
}

std::string day_html(Time time) {
  return "<time>" + to_string(to_day(time)) + "</time>";
}

std::string examined_html(const KnownDomain& known) {
  if (!known.unknown_since) return day_html(known.examined);
  return fmt::format("{}, not in full since {}", day_html(known.examined), day_html(*known.unknown_since));
}

std::string domains_table(const std::vector<Entry>& entries) {
  html::LongTable table("What happens to mail, the worst first",
                        {{"Domain"},
                         {"What happens to mail", html::ColumnKind::text},
                         {"Faults"},
                         {"Warnings"},
                         {"Examined", html::ColumnKind::text}});
  for (const auto& [domain, known] : entries) {
    if (table.is_full()) break;
    table.add(html::name(domain.str()),
              {outcomes_html(known), html::grouped_digits(count(known, Level::fault)),
               html::grouped_digits(count(known, Level::warning)), examined_html(known)});
  }
  return table.html(entries.size(), "domain");
}

// What is looked at: the first sentence of the description of the code.
std::string_view meaning_of(std::string_view code) {
  for (const examination::CodeDescription& each : examination::codes()) {
    if (each.word == code) return each.meaning.substr(0, each.meaning.find(". ") + 1);
  }
  return "";
}

struct Row {
  const DomainName* domain;
  const KnownFinding* finding;
};

std::vector<Row> rows_of(const std::vector<Entry>& entries) {
  std::vector<Row> rows;
  for (const Level level : {Level::fault, Level::warning}) {
    for (const auto& [domain, known] : entries) {
      for (const KnownFinding& finding : known.findings) {
        if (finding.level == level && !finding.is_gone)
          rows.push_back({.domain = &domain, .finding = &finding});
      }
    }
  }
  return rows;
}

std::string findings_table(const std::vector<Entry>& entries) {
  const std::vector<Row> rows = rows_of(entries);
  html::LongTable table("Faults, then warnings", {{"Finding"},
                                                  {"Domain", html::ColumnKind::text},
                                                  {"Where", html::ColumnKind::text},
                                                  {"What is looked at", html::ColumnKind::text}});
  for (const Row& row : rows) {
    if (table.is_full()) break;
    const std::string name =
        fmt::format("{}: {}", examination::level_words.word(row.finding->level), row.finding->code);
    table.add(html::text(name), {html::name(row.domain->str()), html::name(row.finding->subject),
                                 html::text(meaning_of(row.finding->code))});
  }
  return table.html(rows.size(), "finding");
}

std::string age_html(const std::vector<Entry>& entries, Time now) {
  Time last = entries.front().second.examined;
  for (const auto& [domain, known] : entries) last = std::max(last, known.examined);
  if (now - last <= max_age) return {};
  return fmt::format(
      "<p>No domain was examined since {}. Is starttls-listtool-check.timer, or the line for cron, "
      "enabled?</p>\n",
      day_html(last));
}

}  // namespace

std::string check_section(const PageContent& content) {
  const std::string title = "Watched domains";
  if (!content.why_not_checked.empty()) {
    return html::section(title, {},
                         "<p>What starttls-listtool check --watch found cannot be read: " +
                             html::escape(printable(content.why_not_checked, 300)) + "</p>\n");
  }
  if (!content.checked || content.checked->empty()) return {};
  const std::vector<Entry> entries = sorted_entries(*content.checked);
  return html::section(title,
                       "What starttls-listtool check --watch found when it last examined them. Why a finding "
                       "matters and what to do: starttls-listtool check DOMAIN.",
                       age_html(entries, content.created) + domains_table(entries) + findings_table(entries));
}

}  // namespace starttls::report
