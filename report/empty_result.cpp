#include "report/empty_result.h"

#include <fmt/format.h>

#include <algorithm>
#include <ranges>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"
#include "report/received_figures.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::size_t max_domains = 5;  // that are listed

// Every day that can be recorded: session.h has the limits.
store::Period all_days() {
  return {.since = Day{}, .until = to_day(session::max_record_time)};
}

// "example.org, example.net and 3 more", those with the most sessions first.
std::string busiest(const std::map<std::string, std::uint64_t>& domains) {
  std::vector<std::pair<std::uint64_t, std::string>> sorted;
  sorted.reserve(domains.size());
  for (const auto& [domain, sessions] : domains) sorted.emplace_back(sessions, domain);
  std::ranges::stable_sort(sorted, std::ranges::greater(), [](const auto& one) { return one.first; });
  std::vector<std::string> names;
  names.reserve(sorted.size());
  for (const auto& [sessions, domain] : sorted) names.push_back(domain);
  return list_some(names, max_domains);
}

}  // namespace

std::string on_days(const store::Period& period) {
  if (period.since == period.until) return "on " + to_string(period.since);
  return fmt::format("from {} to {}", to_string(period.since), to_string(period.until));
}

Result<Recorded> read_recorded(const config::TlsrptConfig& configuration, const store::Period& period,
                               const std::optional<std::string>& domain) {
  Recorded recorded;
  TRY(read_sessions(configuration, all_days(), [&](const auto& session_class, const auto& count) {
    recorded.first = recorded.first ? std::min(*recorded.first, session_class.day) : session_class.day;
    recorded.last = recorded.last ? std::max(*recorded.last, session_class.day) : session_class.day;
    if (domain && count.recipient_domains.contains(*domain))
      recorded.last_of_domain =
          std::max(recorded.last_of_domain.value_or(session_class.day), session_class.day);
    if (!period.contains(session_class.day)) return;
    recorded.sessions += count.total.sessions;
    for (const auto& [name, tally] : count.recipient_domains) recorded.domains[name] += tally.sessions;
  }));
  return recorded;
}

std::string why_no_sessions(const Recorded& recorded, const std::string& state_dir,
                            const store::Period& period, const std::optional<std::string>& domain) {
  if (!recorded.last) {
    return fmt::format(
        "No sessions were ever recorded in {}. tlsrpt-report doctor shows what keeps them from being "
        "recorded.",
        printable(state_dir));
  }
  if (recorded.sessions == 0) {
    const std::string text = fmt::format("No sessions were recorded {}. ", on_days(period));
    if (*recorded.first > period.until)
      return text + fmt::format("The first one is of {}.", to_string(*recorded.first));
    if (*recorded.last < period.since) {
      return text +
             fmt::format(
                 "The last one is of {}. tlsrpt-report doctor shows whether the milter still runs, and "
                 "whether the mail server uses it.",
                 to_string(*recorded.last));
    }
    return text + fmt::format("Sessions were recorded before and after, from {} to {}.",
                              to_string(*recorded.first), to_string(*recorded.last));
  }
  const std::string none = fmt::format("None of the {} {} had an accepted recipient",
                                       counted(recorded.sessions, "session"), on_days(period));
  if (!domain || recorded.domains.empty()) return none + ".";
  std::string text = fmt::format("{} in {}", none, printable(*domain));
  if (recorded.last_of_domain)
    text += fmt::format("; the last such session is of {}", to_string(*recorded.last_of_domain));
  return text + fmt::format(". There were recipients in {}.", busiest(recorded.domains));
}

Result<std::optional<Day>> last_received(const config::TlsrptConfig& configuration, const OurDomains& ours,
                                         const std::optional<std::string>& domain) {
  std::optional<Day> last;
  TRY(read_received(configuration, ours, all_days(), domain, [&](const Reported& reported) {
    if (reported.owner.is_ours()) last = std::max(last.value_or(Day{}), to_day(reported.head.begin));
  }));
  return last;
}

std::string why_no_reports(std::optional<Day> last, const store::Period& period,
                           const std::optional<std::string>& domain) {
  const std::string about = domain ? " about " + printable(*domain) : "";
  if (!last) {
    return fmt::format(
        "No report of others{} was ever read. 'tlsrpt-report read' reads them, best called by the alias in "
        "the "
        "rua of the TLSRPT record; see tlsrpt-report-read(1).",
        about);
  }
  return fmt::format("No report of others{} is {}; the newest is of {}.", about, on_days(period),
                     to_string(*last));
}

}  // namespace starttls::report
