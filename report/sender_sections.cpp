// The parts of the page about senders: which were downgraded, which TLS version each uses, and which use
// none.
#include <fmt/format.h>

#include <algorithm>
#include <ranges>
#include <set>

#include "base/counted.h"
#include "base/saturated.h"
#include "html/page.h"
#include "html/table.h"
#include "html/text.h"
#include "report/charts.h"
#include "report/page_sections.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_hosts = 50;  // of one sender
constexpr std::size_t max_ciphers = 100;

std::string hosts_html(const std::map<std::string, Figures>& hosts) {
  std::vector<std::pair<std::string, Figures>> sorted(hosts.begin(), hosts.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& host) { return host.second.plaintext + host.second.failed; });
  std::string out = R"(<ul class="hosts">)";
  for (const auto& [name, f] : sorted | std::views::take(max_hosts)) {
    out += "<li>" + html::name(name) + ": ";
    if (f.plaintext > 0) out += html::grouped_digits(f.plaintext) + " in plaintext";
    if (f.failed > 0)
      out += (f.plaintext > 0 ? ", " : "") + html::grouped_digits(f.failed) + " with a failed handshake";
    out += "</li>\n";
  }
  if (sorted.size() > max_hosts)
    out += fmt::format("<li>and {} more: tlsrpt-report summary --by host</li>\n", sorted.size() - max_hosts);
  return out + "</ul>";
}

std::string addresses_html(const std::set<std::string>& addresses) {
  if (addresses.empty()) return {};
  std::string list = R"(<ul class="hosts">)";
  for (const std::string& address : addresses | std::views::take(max_hosts))
    list += "<li>" + html::name(address) + "</li>";
  if (addresses.size() > max_hosts) list += fmt::format("<li>and {} more</li>", addresses.size() - max_hosts);
  return html::details(addresses.size() == 1 ? "1 address" : fmt::format("{} addresses", addresses.size()),
                       list + "</ul>");
}

std::string version_html(const std::string& version) {
  constexpr std::size_t max_length = 12;  // of the version in its own column, as the mail server logs it
  return html::escape(printable(version_label(version), max_length));
}

// The sessions of one sender without TLS, on all days.
struct DowngradedSender {
  std::uint64_t sessions = 0;
  std::set<Day> days;
  store::Downgrade first;  // of the first downgrade
  std::set<std::string> addresses;
};

std::vector<std::pair<std::string, DowngradedSender>> downgraded_senders(
    const std::vector<DowngradeEntry>& entries) {
  std::map<std::string, DowngradedSender> senders;
  for (const DowngradeEntry& entry : entries) {  // the newest first
    DowngradedSender& sender = senders[entry.downgrade.sender];
    add_saturated(sender.sessions, entry.downgrade.sessions);
    sender.days.insert(entry.downgrade.day);
    sender.first = entry.downgrade;
    sender.addresses.insert(entry.addresses.begin(), entry.addresses.end());
  }
  std::vector<std::pair<std::string, DowngradedSender>> sorted(senders.begin(), senders.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& sender) { return *sender.second.days.rbegin(); });
  return sorted;
}

// The senders of one version.
std::string version_senders(const std::string& version, const VersionUse& use) {
  std::vector<std::pair<std::string, std::uint64_t>> senders(use.senders.begin(), use.senders.end());
  std::ranges::stable_sort(senders, std::ranges::greater(), [](const auto& one) { return one.second; });
  std::string list = R"(<ul class="hosts">)";
  for (const auto& [name, sessions] : senders | std::views::take(max_hosts))
    list += fmt::format("<li>{}: {}</li>\n", html::name(name), html::grouped_count(sessions, "session"));
  if (senders.size() > max_hosts) {
    list += fmt::format("<li>and {} more: tlsrpt-report summary --tls-version {} --by sender</li>\n",
                        senders.size() - max_hosts, html::text(version_label(version)));
  }
  return html::details(counted(senders.size(), "sender"), list + "</ul>");
}

std::string ciphers_table(const GroupedFigures& groups) {
  html::Table table("Sessions by cipher", {{"Cipher"}, {"Sessions"}, {"Messages"}});
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(),
                           [](const auto& one) { return one.second.sessions; });
  for (const auto& [cipher, f] : sorted | std::views::take(max_ciphers))
    table.add(html::name(cipher), {html::grouped_digits(f.sessions), html::grouped_digits(f.messages)});
  return html::details("Figures by cipher", table.html());
}

}  // namespace

std::size_t count_downgraded_senders(const PageContent& content) {
  return downgraded_senders(content.downgrades).size();
}

std::string downgrades_section(const PageContent& content) {
  if (content.downgrades.empty()) return {};
  const auto senders = downgraded_senders(content.downgrades);
  html::LongTable table("Sessions of downgraded senders, the newest first", {{"Sending domain"},
                                                                             {"Last day"},
                                                                             {"Days"},
                                                                             {"In plaintext"},
                                                                             {"With TLS before"},
                                                                             {"Best TLS before"}});
  for (const auto& [name, sender] : senders) {
    if (table.is_full()) break;
    table.add(html::name(name) + addresses_html(sender.addresses),
              {"<time>" + to_string(*sender.days.rbegin()) + "</time>",
               html::grouped_digits(sender.days.size()), html::grouped_digits(sender.sessions),
               html::grouped_digits(sender.first.tls_sessions), version_html(sender.first.best_tls)});
  }
  return html::section(
      "Downgraded senders",
      fmt::format("{} had always used TLS and sent mail without it: either the sender has changed, or "
                  "somebody on the path removed STARTTLS.",
                  counted(senders.size(), "sender")),
      table.html(senders.size(), "sender"));
}

std::string versions_section(const PageContent& content) {
  const Figures own = sum(content.protection);
  if (content.versions.empty()) return html::section("TLS versions", "No session used TLS.", {});
  html::Table table("Encrypted sessions by TLS version", {{"Version"},
                                                          {"Sessions as a bar", html::ColumnKind::chart},
                                                          {"Sessions"},
                                                          {"Share"},
                                                          {"Messages"},
                                                          {"Last day"}});
  std::uint64_t largest = 0;
  std::uint64_t deprecated = 0;
  for (const auto& [version, use] : content.versions) {
    largest = std::max(largest, use.figures.sessions);
    if (is_deprecated(version)) deprecated += use.figures.sessions;
  }
  for (const auto& [version, use] : std::views::reverse(content.versions)) {
    table.add(version_html(version) + version_senders(version, use),
              {bar({{is_deprecated(version) ? "deprecated" : "tls", use.figures.sessions}}, largest),
               html::grouped_digits(use.figures.sessions), share_html(use.figures.sessions, own.tls),
               html::grouped_digits(use.figures.messages), "<time>" + to_string(use.last) + "</time>"});
  }
  const std::string note =
      deprecated == 0 ? "No session used TLS 1.1 or older."
                      : fmt::format(
                            "{} used TLS 1.1 or older, which RFC 8996 has deprecated; the senders are "
                            "listed below their version.",
                            html::grouped_count(deprecated, "session"));
  return html::section("TLS versions", note, table.html() + ciphers_table(content.ciphers));
}

std::string senders_section(const PageContent& content) {
  std::vector<std::pair<std::string, const SenderGroup*>> worst;
  for (const auto& [name, group] : content.senders) {
    if (group.figures.plaintext + group.figures.failed > 0) worst.emplace_back(name, &group);
  }
  if (worst.empty()) return html::section("Senders without TLS", "There were none.", "");
  const auto badness = [](const auto& sender) {
    return sender.second->figures.plaintext + sender.second->figures.failed;
  };
  std::ranges::stable_sort(worst, std::ranges::greater(), badness);
  html::LongTable table("By sending domain, those with the most such sessions first",
                        {{"Sending domain"},
                         {"Plaintext and failed handshakes as a bar", html::ColumnKind::chart},
                         {"Plaintext"},
                         {"Failed"},
                         {"TLS"},
                         {"Messages"}});
  const std::uint64_t largest = badness(worst.front());
  for (const auto& [name, group] : worst) {
    if (table.is_full()) break;
    const Figures& f = group->figures;
    table.add(
        html::name(name) + html::details(counted(group->hosts.size(), "host"), hosts_html(group->hosts)),
        {bar({{"plaintext", f.plaintext}, {"failed", f.failed}}, largest), html::grouped_digits(f.plaintext),
         html::grouped_digits(f.failed), html::grouped_digits(f.tls), html::grouped_digits(f.messages)});
  }
  return html::section("Senders without TLS",
                       fmt::format("{} sent mail in plaintext, or failed with a TLS handshake.",
                                   html::grouped_count(worst.size(), "sender")),
                       legend({{"in plaintext", "plaintext"}, {"failed TLS handshake", "failed"}}) +
                           table.html(worst.size(), "sender"));
}

}  // namespace starttls::report
