#include "report/page.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/text.h"
#include "base/version.h"
#include "html/page.h"
#include "html/text.h"
#include "report/page_sections.h"
#include "report/page_style.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_title_names = 3;

// Those with the most sessions first.
std::vector<std::string> busiest(const GroupedFigures& groups) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& one) { return one.second.sessions; });
  std::vector<std::string> names;
  names.reserve(sorted.size());
  for (const auto& [name, figures] : sorted) names.push_back(name);
  return names;
}

// "mail to example.org and example.net", "mail to mx1.example.org", "inbound mail"
std::string whose_mail(const PageContent& content) {
  if (content.domain) return "mail to " + printable(*content.domain);
  std::vector<std::string> names = content.our_domains;
  if (names.empty()) names = busiest(content.domains);
  if (names.empty()) names = busiest(content.hosts);
  if (names.empty()) return content.outbound && !content.why_empty.empty() ? "outbound mail" : "inbound mail";
  if (names.size() == 2) return fmt::format("mail to {} and {}", printable(names[0]), printable(names[1]));
  return "mail to " + list_some(names, max_title_names);
}

std::string days_text(const store::Period& period) {
  if (period.since == period.until) return to_string(period.since);
  return to_string(period.since) + " to " + to_string(period.until);
}

std::string days_html(const store::Period& period) {
  std::string last = "<time>" + to_string(period.until) + "</time>";
  if (period.since == period.until) return last;
  return "<time>" + to_string(period.since) + "</time> to " + last;
}

html::Head head_of(const PageContent& content) {
  return {.title = fmt::format("TLS of {}, {}", whose_mail(content), days_text(content.period)),
          .styles = {page_style()},
          .has_style_attributes = true};  // of charts
}

std::string header(const PageContent& content) {
  std::string out = "<header>\n";
  if (!content.organization.empty())
    out += R"(<p class="over">)" + html::escape(printable(content.organization, 200)) + "</p>\n";
  out += "<h1>TLS of " + html::escape(whose_mail(content)) + "</h1>\n<p class=\"soft\">" +
         days_html(content.period);
  out += " (UTC)";
  std::vector<std::string> hosts = busiest(content.hosts);
  if (hosts.size() <= max_title_names) std::ranges::sort(hosts);
  if (!hosts.empty()) {
    out += fmt::format(", at {} {}", hosts.size() == 1 ? "the MX host" : "the MX hosts",
                       html::escape(list_some(hosts, max_title_names)));
  }
  if (content.period.until == to_day(content.created)) {
    out +=
        fmt::format(R"(. <span class="nobr">{}</span> is not over: its figures are those until {:%H:%M} UTC)",
                    to_string(content.period.until), fmt::gmtime(content.created));
  }
  return out + ".</p></header>\n";
}

std::string footer(const PageContent& content) {
  return fmt::format(
      R"(<footer><p>Made by tlsrpt-report {} at <time>{}</time>. <span class="paper">Parts that are folded on the )"
      "screen are not printed.</span></p></footer>\n",
      version(), to_rfc3339(content.created));
}

}  // namespace

std::string to_html(const PageContent& content) {
  const html::Head head = head_of(content);
  std::string out = html::head(head) + header(content) + "<main>\n";
  out += attention_section(content);
  out += check_section(content);
  const bool has_sessions = content.why_empty.empty();
  if (has_sessions) {
    out += downgrades_section(content) + tiles(content) + days_section(content) + versions_section(content);
  }
  out += failures_section(content);
  if (has_sessions) out += senders_section(content);
  out += reporters_section(content);
  if (has_sessions) out += domains_section(content);
  out += outbound_section(content);
  out += glossary_section(content);
  return out + "</main>\n" + footer(content) + html::foot(head);
}

}  // namespace starttls::report
