#include "outbound/figures.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <tuple>
#include <utility>

#include "base/enum_words.h"
#include "base/saturated.h"
#include "base/text.h"

namespace starttls::outbound {
namespace {

constexpr auto by_words = enum_words<GroupBy>({{GroupBy::domain, "domain"},
                                               {GroupBy::policy, "policy"},
                                               {GroupBy::result_type, "result-type"},
                                               {GroupBy::mx, "mx"},
                                               {GroupBy::day, "day"}});

constexpr const char* testing_label = "MTA-STS testing";

// The value of a field of an MTA-STS policy (RFC 8461 section 3.2), which a report has line by line.
std::string_view field_of(const std::vector<std::string>& policy_strings, std::string_view name) {
  for (const std::string_view line : policy_strings) {
    const auto colon = line.find(':');
    if (colon != std::string_view::npos && trim(line.substr(0, colon)) == name)
      return trim(line.substr(colon + 1));
  }
  return {};
}

void keep_later(std::optional<Day>& last, const std::optional<Day>& day) {
  if (day && (!last || *last < *day)) last = day;
}

Figures& group(Groups& groups, std::string_view name) {
  if (const auto found = groups.find(name); found != groups.end()) return found->second;
  return groups[groups.size() < max_names ? std::string(name) : std::string(other_names)];
}

}  // namespace

Figures& Figures::operator+=(const Figures& more) {
  add_saturated(successful, more.successful);
  add_saturated(failed, more.failed);
  add_saturated(failed_in_testing, more.failed_in_testing);
  keep_later(last, more.last);
  keep_later(last_failed, more.last_failed);
  return *this;
}

std::string policy_label(const Policy& policy) {
  if (policy.policy_type == "tlsa") return "DANE";
  if (policy.policy_type == "no-policy-found") return "no policy";
  if (policy.policy_type.empty()) return "unknown policy";
  if (policy.policy_type != "sts") return policy.policy_type;
  const std::string_view mode = field_of(policy.policy_strings, "mode");
  if (mode == "enforce" || mode == "testing" || mode == "none") return fmt::format("MTA-STS {}", mode);
  return "MTA-STS";
}

std::optional<GroupBy> parse_group_by(std::string_view word) {
  return by_words.find(word);
}

void Summary::add(const PolicyOfDay& of, const PolicyCount& count) {
  const std::string label = policy_label(of.policy);
  const Figures figures{.successful = count.successful,
                        .failed = count.failed,
                        .failed_in_testing = label == testing_label ? count.failed : 0,
                        .last = of.day,
                        .last_failed = count.failed > 0 ? std::optional(of.day) : std::nullopt};
  total_ += figures;
  group(domains_, of.policy.domain) += figures;
  group(policies_, label) += figures;
  group(days_, to_string(of.day)) += figures;
  for (const auto& [failure, sessions] : count.failures) {
    const Figures failed{.failed = sessions,
                         .failed_in_testing = label == testing_label ? sessions : 0,
                         .last = of.day,
                         .last_failed = of.day};
    group(result_types_, failure.result_type.empty() ? "unknown" : failure.result_type) += failed;
    if (!failure.receiving_mx_hostname.empty()) group(mx_hosts_, failure.receiving_mx_hostname) += failed;
  }
}

const Groups& Summary::by(GroupBy what) const {
  switch (what) {
    case GroupBy::domain:
      return domains_;
    case GroupBy::policy:
      return policies_;
    case GroupBy::result_type:
      return result_types_;
    case GroupBy::mx:
      return mx_hosts_;
    case GroupBy::day:
      return days_;
  }
  std::unreachable();
}

std::vector<std::pair<std::string, Figures>> worst_first(const Groups& groups, std::size_t most) {
  std::vector<std::pair<std::string, Figures>> sorted(groups.begin(), groups.end());
  const auto rank = [](const auto& one) {
    return std::tuple(~one.second.failed, ~one.second.all(), std::string_view(one.first));
  };
  const std::size_t size = std::min(most, sorted.size());
  std::ranges::partial_sort(sorted, sorted.begin() + static_cast<std::ptrdiff_t>(size), {}, rank);
  sorted.resize(size);
  return sorted;
}

std::vector<std::pair<std::string, Figures>> failing_in_testing(const Groups& domains) {
  std::vector<std::pair<std::string, Figures>> found;
  std::ranges::copy_if(domains, std::back_inserter(found),
                       [](const auto& one) { return one.second.failed_in_testing > 0; });
  std::ranges::stable_sort(found, std::ranges::greater(),
                           [](const auto& one) { return one.second.failed_in_testing; });
  return found;
}

std::vector<std::pair<std::string, Figures>> failing_domains(const Groups& domains, double failure_share,
                                                             std::uint64_t min_sessions) {
  auto sorted = worst_first(domains, domains.size());
  std::erase_if(sorted, [&](const auto& one) {
    const Figures& f = one.second;
    return f.all() < min_sessions ||
           100.0 * static_cast<double>(f.failed) <= failure_share * static_cast<double>(f.all());
  });
  return sorted;
}

}  // namespace starttls::outbound
