#include "report/page_sections.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/saturated.h"
#include "html/page.h"
#include "html/table.h"
#include "html/text.h"
#include "report/charts.h"
#include "report/empty_result.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_alerts = 25;

std::vector<Day> list_days(const store::Period& period) {
  std::vector<Day> days;
  for (Day day = period.since; day <= period.until; day += std::chrono::days{1}) days.push_back(day);
  return days;
}

const Figures& figures_on(const GroupedFigures& days, Day day) {
  static const Figures none;
  const auto found = days.find(to_string(day));
  return found == days.end() ? none : found->second;
}

std::string figures_by_day(const PageContent& content) {
  html::Table table("Sessions by UTC day",
                    {{"Day"}, {"Sessions"}, {"TLS"}, {"Plaintext"}, {"Failed"}, {"No mail"}, {"TLS %"}});
  for (const Day day : list_days(content.period)) {
    const Figures& f = figures_on(content.days, day);
    table.add_day(to_string(day),
                  {html::grouped_digits(f.sessions), html::grouped_digits(f.tls),
                   html::grouped_digits(f.plaintext), html::grouped_digits(f.failed),
                   html::grouped_digits(f.no_mail + f.no_helo), share_html(f.tls, f.tls + f.plaintext)});
  }
  return html::details("Figures by day", table.html());
}

std::string days_chart(const PageContent& content, const std::string& id, const std::string& title,
                       const std::string& colour, std::uint64_t Figures::* what) {
  DayBars bars{.id = id, .title = title, .colour = colour, .days = list_days(content.period), .values = {}};
  for (const Day day : bars.days) bars.values.push_back(figures_on(content.days, day).*what);
  return to_html(bars);
}

std::string share_chart(const PageContent& content) {
  DayLine line{.id = "share",
               .title = "Share that was encrypted",
               .colour = "tls",
               .days = list_days(content.period),
               .percent = {}};
  for (const Day day : line.days) {
    const Figures& f = figures_on(content.days, day);
    const std::uint64_t whole = f.tls + f.plaintext;
    line.percent.push_back(whole == 0 ? -1 : 100.0 * static_cast<double>(f.tls) / static_cast<double>(whole));
  }
  return to_html(line);
}

std::string group_table(const std::string& caption, const std::string& name, const GroupedFigures& groups) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& one) { return one.second.sessions; });
  html::LongTable table(caption, {{name}, {"Sessions"}, {"TLS"}, {"Plaintext"}, {"TLS %"}, {"Messages"}});
  for (const auto& [group, f] : sorted) {
    if (table.is_full()) break;
    table.add(html::name(group), {html::grouped_digits(f.sessions), html::grouped_digits(f.tls),
                                  html::grouped_digits(f.plaintext), share_html(f.tls, f.tls + f.plaintext),
                                  html::grouped_digits(f.messages)});
  }
  return table.html(sorted.size(), to_lower(name));
}

}  // namespace

std::string share_html(std::uint64_t part, std::uint64_t whole) {
  return html::escape(percent(part, whole));
}

std::string attention_section(const PageContent& content) {
  if (content.alerts.empty() && !content.why_empty.empty()) {
    return "<section class=\"attention\"><h2>There is nothing to show</h2>\n<p>" +
           html::escape(content.why_empty) + "</p></section>\n";
  }
  if (content.alerts.empty()) {
    return fmt::format(
        "<section class=\"calm\"><h2>Nothing needs attention</h2>\n<p>tlsrpt-report alert --no-lookup "
        "has no alert for <time>{}</time> and the day before.</p></section>\n",
        to_string(content.alert_day));
  }
  std::string out = fmt::format(
      "<section class=\"attention\"><h2>{}</h2>\n<p class=\"soft\">As tlsrpt-report alert --no-lookup prints "
      "for <time>{}</time> and the day before.</p>\n<ul class=\"alerts\">\n",
      content.alerts.size() == 1 ? "1 thing needs attention"
                                 : fmt::format("{} things need attention", content.alerts.size()),
      to_string(content.alert_day));
  for (const Alert& alert : content.alerts | std::views::take(max_alerts))
    out += "<li>" + html::escape(alert.message) + "</li>\n";
  if (content.alerts.size() > max_alerts) {
    out += fmt::format("<li>and {} more: tlsrpt-report alert --no-lookup</li>\n",
                       content.alerts.size() - max_alerts);
  }
  out += "</ul>\n";
  if (!content.why_empty.empty()) out += "<p>" + html::escape(content.why_empty) + "</p>\n";
  return out + "</section>\n";
}

std::string tiles(const PageContent& content) {
  const Figures own = sum(content.protection);
  const tlsrpt::ReportedSessions reported = content.received.total();
  std::uint64_t reports = 0;
  for (const auto& [name, reporter] : content.received.reporters()) reports += reporter.reports;
  std::string out = content.domain ? "<ul class=\"tiles four\">\n" : "<ul class=\"tiles\">\n";
  out += html::tile(percent(own.tls, own.tls + own.plaintext),
                    "of the sessions with mail or TLS were encrypted");
  out += html::tile(html::grouped_digits(own.sessions),
                    content.domain ? "sessions with a recipient there" : "inbound sessions");
  out += html::tile(html::grouped_digits(own.plaintext),
                    own.plaintext == 1 ? "session in plaintext" : "sessions in plaintext");
  if (!content.domain) {
    out += html::tile(content.follows_log || own.failed > 0 ? html::grouped_digits(own.failed) : "-",
                      content.follows_log || own.failed > 0 ? "TLS handshakes failed"
                                                            : "failed handshakes: mta_log is not set");
    out += html::tile(html::grouped_digits(count_downgraded_senders(content)), "senders were downgraded");
  }
  out += reports == 0 ? html::tile("-", "no reports of others")
                      : html::tile(percent(reported.failed, reported.all()),
                                   fmt::format("of {} failed, by {} of others",
                                               html::grouped_count(reported.all(), "session"),
                                               html::grouped_count(reports, "report")));
  return out + "</ul>\n";
}

std::string days_section(const PageContent& content) {
  if (content.period.since == content.period.until) return {};
  std::string charts = days_chart(content, "encrypted", "Encrypted sessions a day", "tls", &Figures::tls) +
                       share_chart(content);
  const std::string plaintext =
      days_chart(content, "plaintext", "Sessions in plaintext a day", "plaintext", &Figures::plaintext);
  // Sessions that failed have no recipient.
  if (content.domain) {
    charts += plaintext;
  } else {
    charts += R"(<div class="pair">)" + plaintext +
              days_chart(content, "failed", "Failed TLS handshakes a day", "failed", &Figures::failed) +
              "</div>\n";
  }
  std::string note = "Sessions of other mail servers with ours, by UTC day. Each chart has its own scale.";
  const Figures own = sum(content.protection);
  if (const std::uint64_t no_mail = own.no_mail + own.no_helo; no_mail > 0) {
    note += fmt::format(" {} without TLS and mail {} only in the figures.",
                        html::grouped_count(no_mail, "session"), no_mail == 1 ? "is" : "are");
  }
  return html::section("Day by day", note, charts + figures_by_day(content));
}

std::string reporters_section(const PageContent& content) {
  const OtherDomains& others = content.received.others();
  const std::string apart = others.empty() ? ""
                                           : fmt::format("<p class=\"others\">Besides {}.</p>\n",
                                                         html::escape(others.description()));
  if (!content.why_no_reports.empty())
    return html::section("Reports of others", content.why_no_reports, apart);
  std::vector<std::pair<std::string, ReporterFigures>> sorted(content.received.reporters().begin(),
                                                              content.received.reporters().end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& r) { return r.second.sessions.all(); });
  html::LongTable table("By reporter, those with the most sessions first",
                        {{"Reporter"},
                         {"Failed sessions as a bar", html::ColumnKind::chart},
                         {"Reports"},
                         {"Successful"},
                         {"Failed"},
                         {"Failed %"},
                         {"Last day"}});
  std::uint64_t max_failed = 0;
  for (const auto& [name, f] : sorted) max_failed = std::max(max_failed, f.sessions.failed);
  for (const auto& [name, f] : sorted) {
    if (table.is_full()) break;
    table.add(html::name(name.empty() ? "(no name)" : name),
              {bar({{"reported", f.sessions.failed}}, max_failed), html::grouped_digits(f.reports),
               html::grouped_digits(f.sessions.successful), html::grouped_digits(f.sessions.failed),
               share_html(f.sessions.failed, f.sessions.all()), "<time>" + to_string(f.last) + "</time>"});
  }
  return html::section("Reports of others",
                       "What others report about their sessions with our policy domains (RFC 8460).",
                       legend({{"failed", "reported"}}) + table.html(sorted.size(), "reporter") + apart);
}

std::string domains_section(const PageContent& content) {
  std::string tables;
  if (!content.domains.empty()) {
    tables +=
        group_table("Sessions with an accepted recipient in the domain", "Policy domain", content.domains);
  }
  if (content.hosts.size() > 1 || (content.hosts.size() == 1 && content.domains.empty()))
    tables += group_table("Sessions at each of our MX hosts", "MX host", content.hosts);
  return tables.empty() ? "" : html::section("Policy domains and MX hosts", {}, tables);
}

std::string glossary_section(const PageContent& content) {
  std::string list;
  const auto add = [&](std::string_view word, std::string_view meaning) {
    list += fmt::format("<div><dt>{}</dt><dd>{}</dd></div>\n", word, meaning);
  };
  add("Session", "One connection of another mail server to one of ours. Our own users are not counted.");
  add("Encrypted, plaintext",
      "A session counts as encrypted where TLS was used, and as plaintext where mail was sent without it. "
      "The share is that of the encrypted ones among both.");
  add("Failed TLS handshake",
      "The other side started TLS and the handshake failed, as the log of the mail server shows. No mail "
      "was sent in this session; many senders try again in plaintext.");
  add("No mail", "Connections without TLS and mail: mostly probes and scanners.");
  if (!content.domain)
    add("Downgraded sender", "A sender that had always used TLS, and then sent mail in plaintext.");
  add("Reports of others", "What other mail providers report about their deliveries to us (RFC 8460).");
  return html::section("What the words mean", {}, "<dl>" + list + "</dl>\n");
}

}  // namespace starttls::report
