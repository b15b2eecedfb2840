#include "report/silence.h"

#include <algorithm>

#include "base/saturated.h"
#include "base/text.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

constexpr std::chrono::days one_day{1};

std::uint64_t to_count(std::chrono::days days) {
  return static_cast<std::uint64_t>(days.count());
}

}  // namespace

std::optional<Silence> find_silence(const SessionsByDay& sessions, Day last, std::uint64_t min_sessions) {
  const auto newest = std::ranges::find_if(sessions.rbegin(), sessions.rend(),
                                           [](const auto& day) { return day.second > 0; });
  if (newest == sessions.rend() || newest->first >= last) return std::nullopt;
  Silence silence{.days = last - newest->first, .longest_before = {}};
  const Day begin = newest->first - silence_baseline + one_day;
  std::uint64_t all = 0;
  std::optional<Day> before;
  for (auto day = sessions.lower_bound(begin); day != sessions.end(); ++day) {
    if (day->second == 0) continue;
    if (before) silence.longest_before = std::max(silence.longest_before, day->first - *before - one_day);
    before = day->first;
    ++silence.days_with_sessions;
    add_saturated(all, day->second);
  }
  const bool is_regular = silence.days_with_sessions >= min_days_with_sessions && all >= min_sessions;
  if (!is_regular || silence.days <= silence.longest_before) return std::nullopt;
  return silence;
}

void SilenceDetector::add(const store::SessionClass& session_class, const store::ClassCount& count) {
  if (!period().contains(session_class.day)) return;
  add_saturated(all_[session_class.day], count.total.sessions);
  add_saturated(hosts_[session_class.receiving_mx][session_class.day], count.total.sessions);
}

std::vector<Alert> SilenceDetector::alerts() const {
  std::vector<Alert> alerts;
  const auto add = [&](std::string_view kind, const std::string& what, const Silence& silence) {
    alerts.push_back(
        {.kind = std::string(kind),
         .message = fmt::format("{} for {}, up to {}; the longest silence in the 28 days before was {}. Does "
                                "tlsrpt-milter run there, and does the mail server reach it?",
                                what, counted(to_count(silence.days), "day"), to_string(last_),
                                counted(to_count(silence.longest_before), "day"))});
  };
  if (const auto silence = find_silence(all_, last_, min_sessions_)) {
    add("store-silent", "No session with any of our MX hosts was recorded", *silence);
    return alerts;
  }
  for (const auto& [host, sessions] : hosts_) {
    if (const auto silence = find_silence(sessions, last_, min_sessions_))
      add("host-silent", fmt::format("No session with {} was recorded", printable(host, 200)), *silence);
  }
  return alerts;
}

}  // namespace starttls::report
