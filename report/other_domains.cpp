#include "report/other_domains.h"

#include <algorithm>
#include <functional>
#include <ranges>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "report/failure_digest.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_shown = 5;  // domains, and reporters of each, in the text
constexpr const char* further = "(further domains)";

}  // namespace

void OtherDomains::add(const std::string& policy_domain, const tlsrpt::ReportedSessions& sessions,
                       const std::string& reporter) {
  const bool has_room = domains_.size() < max_other_domains || domains_.contains(policy_domain);
  OtherDomain& domain = domains_[has_room ? policy_domain : further];
  domain.sessions.add(sessions.successful, sessions.failed);
  if (domain.reporters.size() < max_failure_names) domain.reporters.insert(reporter);
}

tlsrpt::ReportedSessions OtherDomains::total() const {
  tlsrpt::ReportedSessions total;
  for (const auto& [name, domain] : domains_) total.add(domain.sessions.successful, domain.sessions.failed);
  return total;
}

std::string OtherDomains::description() const {
  if (empty()) return {};
  std::vector<std::pair<std::string, OtherDomain>> sorted(domains_.begin(), domains_.end());
  std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& one) {
    return std::pair(one.second.sessions.failed, one.second.sessions.all());
  });
  std::string text;
  for (const auto& [name, domain] : sorted | std::views::take(max_shown)) {
    std::set<std::string> reporters;
    for (const std::string& reporter : domain.reporters)
      reporters.insert(reporter.empty() ? "(no name)" : reporter);
    text += fmt::format("{}{} ({}, {} failed, by {})", text.empty() ? "" : ", ", shown_policy_domain(name),
                        counted(domain.sessions.all(), "session"), domain.sessions.failed,
                        list_some(reporters, max_shown));
  }
  if (sorted.size() > max_shown) text += fmt::format(" and {} more", sorted.size() - max_shown);
  return "of other domains (not in report.domains): " + text;
}

void OtherDomains::to_json(json::JsonText& json) const {
  json.key("other_domains");
  json.begin_array();
  for (const auto& [name, domain] : domains_) {
    json.begin_object();
    json.member("policy_domain", name);
    json.member("sessions", domain.sessions.all());
    json.member("failed", domain.sessions.failed);
    json.member("reporters", domain.reporters);
    json.end_object();
  }
  json.end_array();
}

}  // namespace starttls::report
