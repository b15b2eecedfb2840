#include "report/drift.h"

#include <algorithm>

#include "base/text.h"

namespace starttls::report {
namespace {

// "mx:  A.example. " becomes "mx:a.example."
std::set<std::string> normalise(const std::vector<std::string>& strings) {
  std::set<std::string> forms;
  for (const std::string& text : strings) {
    std::string form;
    for (const char c : to_lower(text)) {
      if (c != ' ' && c != '\t' && c != '\r' && c != '\n') form += c;
    }
    if (!form.empty()) forms.insert(std::move(form));
  }
  return forms;
}

}  // namespace

void SeenPolicies::add(const Input& input) {
  const Day day = to_day(input.head.begin);
  for (const auto& [domain, strings] : input.seen_policies) {
    Drift& newest = newest_[domain];
    if (!newest.seen.empty() && newest.day > day) continue;
    newest = {.policy_domain = domain,
              .reporter = input.head.organization_name,
              .day = day,
              .seen = strings,
              .published = {}};
  }
}

std::set<std::string> SeenPolicies::domains() const {
  std::set<std::string> domains;
  for (const auto& [domain, seen] : newest_) domains.insert(domain);
  return domains;
}

std::vector<Drift> SeenPolicies::drifts(const PublishedPolicies& published) const {
  std::vector<Drift> drifts;
  for (const auto& [domain, seen] : newest_) {
    const auto found = published.find(domain);
    // If both apply, reports contain only DANE.
    if (found == published.end() || !found->second.error.empty() || found->second.type == "tlsa") continue;
    if (normalise(found->second.strings) == normalise(seen.seen)) continue;
    drifts.push_back(seen);
    drifts.back().published = found->second.strings;
  }
  return drifts;
}

}  // namespace starttls::report
