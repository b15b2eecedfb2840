#include "milter/report/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/saturated.h"
#include "milter/report/charts.h"
#include "milter/report/tables.h"
#include "tlsrpt/explanation.h"

namespace starttls::milter {
namespace {

constexpr std::size_t most_bars = 15;   // of a chart
constexpr std::size_t most_rows = 100;  // of a table that may have thousands

constexpr std::string_view style = R"css(
:root { color-scheme: light dark; --page: #fcfcfb; --ink: #1b1f24; --soft: #59636e; --rule: #d8dde3; --card: #ffffff;
  --tls: #1f6feb; --tls-old: #7a9fd6; --plaintext: #c2410c; --failed: #8b2f8f; --neither: #9aa4af; --good: #1a7f4b; }
@media (prefers-color-scheme: dark) {
  :root { --page: #14171b; --ink: #e8eaed; --soft: #a3adb8; --rule: #343b44; --card: #1b1f25;
    --tls: #58a6ff; --tls-old: #5b7ba8; --plaintext: #f0883e; --failed: #d17bd5; --neither: #6b7580; --good: #4cc38a; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 24px 16px 48px; max-width: 840px; background: var(--page); color: var(--ink);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", sans-serif; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 0 0 4px; }
p { margin: 0 0 12px; }
.soft { color: var(--soft); }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; padding: 0;
  list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 12px 14px; }
.tiles b { display: block; font-size: 24px; line-height: 1.2; overflow-wrap: anywhere; }
.tiles span { color: var(--soft); font-size: 13px; }
section { background: var(--card); border: 1px solid var(--rule); border-radius: 8px; padding: 16px 18px; margin: 0 0 16px;
  break-inside: avoid; }
.chart { overflow-x: auto; }
svg { display: block; width: 100%; min-width: 560px; height: auto; margin: 8px 0; }
svg text { fill: var(--ink); font-size: 12px; }
svg .number { text-anchor: end; fill: var(--soft); }
svg .day, svg .axis { fill: var(--soft); }
svg .grid { stroke: var(--rule); stroke-width: 1; }
svg .tick { stroke: var(--soft); stroke-width: 1; }
svg .line { fill: none; stroke-width: 2; }
.legend { list-style: none; display: flex; flex-wrap: wrap; gap: 4px 16px; margin: 4px 0; padding: 0; font-size: 13px; }
.legend span { display: inline-block; width: 11px; height: 11px; border-radius: 2px; margin-right: 6px; }
details { margin-top: 8px; }
summary { cursor: pointer; color: var(--soft); font-size: 13px; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: 13px; margin-top: 8px; font-variant-numeric: tabular-nums; }
th, td { text-align: right; padding: 4px 8px; border-bottom: 1px solid var(--rule); vertical-align: top; }
th:first-child, td:first-child { text-align: left; overflow-wrap: anywhere; }
td.text { text-align: left; overflow-wrap: anywhere; }
th { color: var(--soft); font-weight: 600; }
dl { margin: 8px 0 0; } dt { font-weight: 600; margin-top: 8px; overflow-wrap: anywhere; } dd { margin: 0 0 2px; }
footer { color: var(--soft); font-size: 13px; }
@media print {
  :root { color-scheme: light; --page: #fff; --ink: #000; --soft: #444; --rule: #bbb; --card: #fff; --tls: #1f6feb;
    --tls-old: #7a9fd6; --plaintext: #c2410c; --failed: #8b2f8f; --neither: #9aa4af; --good: #1a7f4b; }
  body { padding: 0; max-width: none; } section { border: 0; padding: 0; margin-bottom: 24px; }
  rect, circle, .legend span { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  details:not([open]) > summary { display: none; } }
)css";

const Series tls{"TLS", "tls"};
const Series plaintext{"plaintext", "plaintext"};
const Series failed{"TLS handshake failed", "failed"};
const Series neither{"neither TLS nor mail", "neither"};

// The first of each day's figures are those of a day without any.
std::vector<Day> days_of(const store::Period& period) {
  std::vector<Day> days;
  for (Day day = period.since; day <= period.until; day += std::chrono::days{1}) days.push_back(day);
  return days;
}

const Figures& figures_on(const GroupedFigures& days, Day day) {
  static const Figures none;
  const auto found = days.find(to_text(day));
  return found == days.end() ? none : found->second;
}

std::string html_table(const Table& table, const std::vector<std::size_t>& text_columns = {}) {
  std::string out = "<div class=\"scroll\"><table><thead><tr>";
  for (const std::string& cell : table.head) out += "<th>" + html_text(cell) + "</th>";
  out += "</tr></thead><tbody>\n";
  for (const auto& row : table.rows) {
    out += "<tr>";
    for (std::size_t column = 0; column < row.size(); ++column) {
      out += std::ranges::find(text_columns, column) != text_columns.end() ? "<td class=\"text\">" : "<td>";
      out += html_text(row[column]) + "</td>";
    }
    out += "</tr>\n";
  }
  return out + "</tbody></table></div>\n";
}

std::string folded(const std::string& content) {
  return "<details><summary>Figures</summary>\n" + content + "</details>\n";
}

std::string section(const std::string& title, const std::string& note, const std::string& content) {
  return fmt::format("<section><h2>{}</h2>\n<p class=\"soft\">{}</p>\n{}</section>\n", html_text(title),
                     html_text(note), content);
}

std::string tile(const std::string& value, const std::string& name) {
  return fmt::format("<li><b>{}</b><span>{}</span></li>\n", html_text(value), html_text(name));
}

std::string tiles(const PageContent& content) {
  const Figures own = sum(content.protection);
  const ReportedSessions reported = content.received.total();
  std::uint64_t reports = 0;
  for (const auto& [name, reporter] : content.received.reporters()) reports += reporter.reports;
  std::string out = "<ul class=\"tiles\">\n";
  out += tile(grouped_digits(own.sessions), "inbound sessions");
  out += tile(percent(own.tls, own.tls + own.plaintext), "of sessions with mail or TLS were encrypted");
  out += tile(grouped_digits(own.plaintext), "sessions in plaintext");
  out += tile(grouped_digits(own.failed), "TLS handshakes failed");
  out += tile(grouped_digits(content.downgrades.size()), "downgrades: a sender and a day");
  out += tile(grouped_digits(reports), "reports from others");
  out += tile(percent(reported.failed, reported.all()), "of the sessions they tell of failed");
  return out + "</ul>\n";
}

std::string sessions_section(const PageContent& content) {
  DayBars bars{.title = "Inbound sessions a day, by how they were protected",
               .axis = "Sessions a day",
               .series = {tls, plaintext, failed, neither},
               .days = days_of(content.period),
               .values = {}};
  Table table{.head = {"Day", "Sessions", "TLS", "Plaintext", "Failed", "Neither", "TLS %"}, .rows = {}};
  for (const Day day : bars.days) {
    const Figures& f = figures_on(content.days, day);
    bars.values.push_back({f.tls, f.plaintext, f.failed, f.no_mail + f.no_helo});
    table.rows.push_back({to_text(day), grouped_digits(f.sessions), grouped_digits(f.tls),
                          grouped_digits(f.plaintext), grouped_digits(f.failed),
                          grouped_digits(f.no_mail + f.no_helo), percent(f.tls, f.tls + f.plaintext)});
  }
  return section("Sessions over time", "What the mail servers of others did at ours, by UTC day.",
                 legend(bars.series) + to_svg(bars) + folded(html_table(table)));
}

std::string share_section(const PageContent& content) {
  DayLine line{.title = "Share of encrypted sessions, by day",
               .axis = "Encrypted, of the sessions with TLS or mail",
               .colour = "tls",
               .days = days_of(content.period),
               .percent = {}};
  Table table{.head = {"Day", "TLS", "Plaintext", "TLS %"}, .rows = {}};
  for (const Day day : line.days) {
    const Figures& f = figures_on(content.days, day);
    const std::uint64_t whole = f.tls + f.plaintext;
    line.percent.push_back(whole == 0 ? -1 : 100.0 * static_cast<double>(f.tls) / static_cast<double>(whole));
    table.rows.push_back(
        {to_text(day), grouped_digits(f.tls), grouped_digits(f.plaintext), percent(f.tls, whole)});
  }
  return section("TLS share over time", "A day without such sessions has no point.",
                 to_svg(line) + folded(html_table(table)));
}

std::string colour_of(const std::string& protection, const Figures& figures) {
  if (figures.tls > 0) return protection == "TLSv1.3" || protection == "TLSv1.2" ? "tls" : "tls-old";
  if (figures.plaintext > 0) return "plaintext";
  return figures.failed > 0 ? "failed" : "neither";
}

std::string versions_section(const PageContent& content) {
  const std::uint64_t whole = sum(content.protection).sessions;
  NamedBars bars{.title = "Sessions by TLS version", .axis = "Sessions", .series = {}, .bars = {}};
  Table table{.head = {"Protection", "Sessions", "Share", "Messages"}, .rows = {}};
  // Each bar has a colour of its own, so it is a part of its own.
  std::vector<std::pair<std::string, Figures>> sorted(content.protection.begin(), content.protection.end());
  std::ranges::sort(sorted, [](const auto& a, const auto& b) {
    return std::pair(a.second.tls > 0, a.second.tls > 0 ? a.first : std::string()) >
           std::pair(b.second.tls > 0, b.second.tls > 0 ? b.first : std::string());
  });
  for (const auto& [protection, f] : sorted) {
    bars.series.push_back({protection_label(protection), colour_of(protection, f)});
    table.rows.push_back({protection_label(protection), grouped_digits(f.sessions),
                          percent(f.sessions, whole), grouped_digits(f.messages)});
  }
  for (std::size_t at = 0; at < sorted.size(); ++at) {
    std::vector<std::uint64_t> values(sorted.size(), 0);
    values[at] = sorted[at].second.sessions;
    bars.bars.push_back({bars.series[at].name, std::move(values)});
  }
  Table ciphers{.head = {"Cipher", "Sessions", "Messages"}, .rows = {}};
  for (const auto& [cipher, f] : content.ciphers) {
    ciphers.rows.push_back({cipher, grouped_digits(f.sessions), grouped_digits(f.messages)});
  }
  return section("TLS versions", "The version that each session came to.",
                 to_svg(bars) + folded(html_table(table) + html_table(ciphers)));
}

// What failed, as the MTA's log and the reports of others tell it.
std::string failures_section(const PageContent& content) {
  NamedBars bars{.title = "Failures by type",
                 .axis = "Sessions",
                 .series = {{"at our MX hosts, by the mail server's log", "failed"},
                            {"reported by others", "plaintext"}},
                 .bars = {}};
  Table table{.head = {"Failure", "Told by", "Policy domain", "Sessions"}, .rows = {}};
  std::map<std::string, std::pair<std::uint64_t, std::uint64_t>> types;
  for (const auto& [reason, f] : content.failures) {
    types[reason].first += f.sessions;
    table.rows.push_back({reason, "the log", "", grouped_digits(f.sessions)});
  }
  std::string explained;
  for (const auto& [key, group] : content.received.failures().groups()) {
    const auto& [domain, type] = key;
    const std::string name = type.empty() ? "(no reason given)" : type;
    const std::string of = domain.empty() ? shown_policy_domain(domain) : domain;
    add_saturated(types[name].second, group.sessions);
    table.rows.push_back(
        {name, counted(group.reporters.size(), "reporter"), of, grouped_digits(group.sessions)});
  }
  for (const auto& [type, sessions] : types) {
    bars.bars.push_back({type, {sessions.first, sessions.second}});
    if (sessions.second == 0) continue;
    const tlsrpt::Explanation& explanation = tlsrpt::explanation_of(type);
    explained += fmt::format("<dt>{}</dt><dd>{} {} <em>{}</em></dd>\n", html_text(type),
                             html_text(explanation.meaning), html_text(explanation.cause),
                             html_text(explanation.remedy));
  }
  std::ranges::stable_sort(bars.bars, std::ranges::greater(),
                           [](const auto& bar) { return bar.values[0] + bar.values[1]; });
  if (bars.bars.size() > most_bars) bars.bars.resize(most_bars);
  if (bars.bars.empty()) return section("Failures by type", "None were seen or reported.", "");
  return section(
      "Failures by type", "Handshakes that failed at our MX hosts, and failures that others reported.",
      legend(bars.series) + to_svg(bars) + (explained.empty() ? "" : "<dl>" + explained + "</dl>\n") +
          folded(html_table(table, {1, 2})));
}

std::string senders_section(const PageContent& content) {
  std::vector<std::pair<std::string, Figures>> worst;
  for (const auto& sender : content.senders) {
    if (sender.second.plaintext + sender.second.failed > 0) worst.emplace_back(sender);
  }
  if (worst.empty()) return section("Senders without TLS", "There were none.", "");
  const auto badness = [](const auto& sender) { return sender.second.plaintext + sender.second.failed; };
  std::ranges::stable_sort(worst, std::ranges::greater(), badness);
  NamedBars bars{.title = "Senders with the most sessions in plaintext or with failed handshakes",
                 .axis = "Sessions",
                 .series = {plaintext, failed},
                 .bars = {}};
  Table table{.head = {"Sending MTA", "Plaintext", "Failed", "TLS", "Messages"}, .rows = {}};
  for (const auto& [name, f] : worst | std::views::take(most_rows)) {
    if (bars.bars.size() < most_bars) bars.bars.push_back({name, {f.plaintext, f.failed}});
    table.rows.push_back({name, grouped_digits(f.plaintext), grouped_digits(f.failed), grouped_digits(f.tls),
                          grouped_digits(f.messages)});
  }
  const std::string note = worst.size() > most_rows
                               ? fmt::format("The worst {} of {}.", most_rows, grouped_digits(worst.size()))
                               : fmt::format("{} in all.", counted(worst.size(), "sender"));
  return section("Senders without TLS", note, legend(bars.series) + to_svg(bars) + folded(html_table(table)));
}

std::string reporters_section(const PageContent& content) {
  const OtherDomains& others = content.received.others();
  const std::string apart =
      others.empty() ? ""
                     : fmt::format("<p class=\"others\">Besides {}.</p>\n", html_text(others.in_words()));
  if (content.received.reporters().empty()) {
    return section(
        "Received reports",
        others.empty() ? "None; tlsrpt-report read takes them in." : "None about our policy domains.", apart);
  }
  NamedBars bars{.title = "Sessions that others reported, by reporter",
                 .axis = "Sessions",
                 .series = {{"successful", "good"}, {"failed", "plaintext"}},
                 .bars = {}};
  Table table{.head = {"Reporter", "Reports", "Successful", "Failed", "Failed %", "Last day"}, .rows = {}};
  std::vector<std::pair<std::string, ReporterFigures>> sorted(content.received.reporters().begin(),
                                                              content.received.reporters().end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& r) { return r.second.sessions.all(); });
  for (const auto& [name, f] : sorted | std::views::take(most_rows)) {
    const std::string shown = name.empty() ? "(no name)" : name;
    if (bars.bars.size() < most_bars)
      bars.bars.push_back({shown, {f.sessions.successful, f.sessions.failed}});
    table.rows.push_back({shown, grouped_digits(f.reports), grouped_digits(f.sessions.successful),
                          grouped_digits(f.sessions.failed), percent(f.sessions.failed, f.sessions.all()),
                          to_text(f.last)});
  }
  return section("Received reports", "What others say of their sessions to our policy domains (RFC 8460).",
                 legend(bars.series) + to_svg(bars) + apart + folded(html_table(table)));
}

std::string downgrades_section(const PageContent& content) {
  if (content.downgrades.empty())
    return section("Downgrades", "No sender that had used TLS came without it.", "");
  DayBars bars{.title = "Downgraded sessions a day",
               .axis = "Sessions a day",
               .series = {{"downgraded sessions", "plaintext"}},
               .days = days_of(content.period),
               .values = {}};
  std::map<Day, std::uint64_t> by_day;
  Table table{.head = {"Sending domain", "Day", "In plaintext", "With TLS before", "Best TLS"}, .rows = {}};
  for (const store::Downgrade& downgrade : std::views::reverse(content.downgrades)) {
    by_day[downgrade.day] += downgrade.sessions;
    if (table.rows.size() == most_rows) continue;
    table.rows.push_back({downgrade.sender, to_text(downgrade.day), grouped_digits(downgrade.sessions),
                          grouped_digits(downgrade.tls_sessions), downgrade.best_tls});
  }
  for (const Day day : bars.days) bars.values.push_back({by_day[day]});
  return section("Downgrades",
                 "Senders that had always used TLS and came without it: STARTTLS may have been stripped.",
                 to_svg(bars) + folded(html_table(table)));
}

std::string domains_section(const PageContent& content) {
  if (content.domains.empty()) return {};
  Table table{.head = {"Policy domain", "Sessions", "TLS", "Plaintext", "TLS %", "Messages"}, .rows = {}};
  std::vector<std::pair<std::string, Figures>> sorted(content.domains.begin(), content.domains.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& d) { return d.second.sessions; });
  for (const auto& [name, f] : sorted | std::views::take(most_rows)) {
    table.rows.push_back({name, grouped_digits(f.sessions), grouped_digits(f.tls),
                          grouped_digits(f.plaintext), percent(f.tls, f.tls + f.plaintext),
                          grouped_digits(f.messages)});
  }
  return section("Policy domains", "Sessions with an accepted recipient there.", html_table(table));
}

}  // namespace

std::string to_html(const PageContent& content) {
  const std::string of = content.domain ? " of " + *content.domain : "";
  const std::string days = to_text(content.period.since) + " to " + to_text(content.period.until);
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n";
  // Even if a text were taken for markup, it could load and run nothing.
  out +=
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'\">\n";
  out += "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n";
  out += fmt::format("<title>TLS of inbound mail{}, {}</title>\n<style>{}</style></head><body>\n",
                     html_text(of), days, style);
  out +=
      fmt::format("<header><h1>TLS of inbound mail{}</h1>\n<p class=\"soft\">{} (UTC)</p></header>\n<main>\n",
                  html_text(of), days);
  out += tiles(content);
  out += sessions_section(content) + share_section(content) + versions_section(content) +
         failures_section(content);
  out += senders_section(content) + reporters_section(content) + downgrades_section(content) +
         domains_section(content);
  out += fmt::format("</main>\n<footer>Made by tlsrpt-report {} at {}.</footer>\n</body></html>\n",
                     STARTTLS_VERSION, to_rfc3339(content.made));
  return out;
}

}  // namespace starttls::milter
