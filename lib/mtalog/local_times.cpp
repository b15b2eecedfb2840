#include "mtalog/local_times.h"

#include <algorithm>
#include <ctime>

namespace starttls::mtalog {
namespace {

int to_year(Time time) {
  const std::chrono::year_month_day date{to_day(time)};
  return static_cast<int>(date.year());
}

std::tm to_tm(const LocalStamp& stamp, int year) {
  std::tm fields{};
  fields.tm_year = year - 1900;
  fields.tm_mon = static_cast<int>(stamp.month) - 1;
  fields.tm_mday = static_cast<int>(stamp.day);
  fields.tm_hour = stamp.hour;
  fields.tm_min = stamp.minute;
  return fields;
}

bool is_same(const std::tm& a, const std::tm& b) {
  return a.tm_mon == b.tm_mon && a.tm_mday == b.tm_mday && a.tm_hour == b.tm_hour && a.tm_min == b.tm_min;
}

// Adds the times when the minute of the stamp began in that year: one time, or two where clocks are set back.
// Where clocks are set forward, only a clock that was not set shows such a stamp. It may use the offset
// before or after the change.
void add_begins(const LocalStamp& stamp, int year, std::vector<Time>& begins) {
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{stamp.month},
                                         std::chrono::day{stamp.day}};
  if (!date.ok()) return;
  std::vector<Time> skipped;
  const std::size_t before = begins.size();
  for (const int is_summer : {0, 1}) {
    const std::tm wanted = to_tm(stamp, year);
    std::tm fields = wanted;
    fields.tm_isdst = is_summer;
    const std::time_t seconds = std::mktime(&fields);
    std::tm shown{};
    if (seconds == -1 || ::localtime_r(&seconds, &shown) == nullptr) continue;
    const Time begin{std::chrono::seconds{seconds}};
    std::vector<Time>& into = is_same(shown, wanted) ? begins : skipped;
    if (std::ranges::find(into, begin) == into.end()) into.push_back(begin);
  }
  if (begins.size() == before) begins.insert(begins.end(), skipped.begin(), skipped.end());
}

}  // namespace

const std::vector<Time>& LocalTimes::minute_begins(const LocalStamp& stamp, int near_year) {
  LocalStamp minute = stamp;
  minute.second = {};
  if (minute_ == minute && near_year_ == near_year) return begins_;
  minute_ = minute;
  near_year_ = near_year;
  begins_.clear();
  const int first = stamp.year != 0 ? stamp.year : near_year - 1;
  const int last = stamp.year != 0 ? stamp.year : near_year + 1;
  for (int year = first; year <= last; ++year) add_begins(minute, year, begins_);
  std::ranges::sort(begins_);
  return begins_;
}

std::optional<Time> LocalTimes::choose(const LocalStamp& stamp, Time now, bool is_new) {
  std::optional<Time> nearest;
  std::optional<Time> first_after_last;
  for (const Time begin : minute_begins(stamp, to_year(now))) {
    const Time time = begin + stamp.second;
    if (!nearest || std::chrono::abs(time - now) < std::chrono::abs(*nearest - now)) nearest = time;
    const bool is_in_order = last_ && time >= *last_ - max_disorder && time <= now + max_ahead;
    if (is_in_order && !first_after_last) first_after_last = time;
  }
  const bool is_as_written = is_new && nearest && std::chrono::abs(*nearest - now) <= max_delay;
  return is_as_written || !first_after_last ? nearest : first_after_last;
}

std::optional<Time> LocalTimes::resolve(const std::variant<Time, LocalStamp>& stamp, Time now, bool is_new) {
  const auto* const known = std::get_if<Time>(&stamp);
  const auto time = known != nullptr ? *known : choose(std::get<LocalStamp>(stamp), now, is_new);
  // A clock that was wrong for a while must not affect the lines after it.
  if (time && *time <= now + max_ahead) last_ = time;
  return time;
}

}  // namespace starttls::mtalog
