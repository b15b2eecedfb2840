#include "mtalog/line.h"

#include <array>
#include <charconv>
#include <cstdlib>
#include <ctime>

namespace starttls::mtalog {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t old_form_size = std::string_view("Nov 26 16:40:06").size();

std::optional<int> number(std::string_view text) {
  if (text.starts_with(' ')) text.remove_prefix(1);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<Time> local_time(std::tm fields) {
  fields.tm_isdst = -1;
  const std::time_t seconds = std::mktime(&fields);
  if (seconds == -1) return std::nullopt;
  return Time{std::chrono::seconds{seconds}};
}

// "Nov 26 16:40:06", "Nov  6 16:40:06"
std::optional<std::tm> old_form(std::string_view text) {
  if (text.size() < old_form_size || text[3] != ' ' || text[6] != ' ' || text[9] != ':' || text[12] != ':')
    return std::nullopt;
  std::tm fields{};
  for (; static_cast<std::size_t>(fields.tm_mon) < months.size(); ++fields.tm_mon) {
    if (months[static_cast<std::size_t>(fields.tm_mon)] == text.substr(0, 3)) break;
  }
  const auto day = number(text.substr(4, 2));
  const auto hour = number(text.substr(7, 2));
  const auto minute = number(text.substr(10, 2));
  const auto second = number(text.substr(13, 2));
  const bool sound = fields.tm_mon < 12 && day && *day >= 1 && *day <= 31 && hour && *hour < 24 && minute &&
                     *minute < 60 && second && *second <= 60;
  if (!sound) return std::nullopt;
  fields.tm_mday = *day;
  fields.tm_hour = *hour;
  fields.tm_min = *minute;
  fields.tm_sec = *second;
  return fields;
}

int year_of(Time time) {
  const std::chrono::year_month_day date{day_of(time)};
  return static_cast<int>(date.year());
}

}  // namespace

std::optional<Line> split(std::string_view line) {
  const auto close = line.find("]: ");
  if (close == std::string_view::npos) return std::nullopt;
  const auto open = line.rfind('[', close);
  if (open == std::string_view::npos) return std::nullopt;
  const auto blank = line.rfind(' ', open);
  const std::size_t program = blank == std::string_view::npos ? 0 : blank + 1;
  const std::string_view head = line.substr(0, program);
  // A program without process id ("dovecot: user=<postfix/smtpd[1]: ...>"): the rest may be a stranger's
  // words.
  if (head.find(": ") != std::string_view::npos) return std::nullopt;
  return Line{.head = head,
              .program = line.substr(program, open - program),
              .process = line.substr(open + 1, close - open - 1),
              .message = line.substr(close + 3)};
}

std::optional<Time> time_of(std::string_view head, Time near) {
  if (head.starts_with('<')) head.remove_prefix(std::min(head.size(), head.find('>') + 1));
  if (auto fields = old_form(head)) {
    // Around New Year the line may be of the year before, or after.
    std::optional<Time> best;
    for (int year = year_of(near) - 1; year <= year_of(near) + 1; ++year) {
      fields->tm_year = year - 1900;
      const auto time = local_time(*fields);
      if (time && (!best || std::chrono::abs(*time - near) < std::chrono::abs(*best - near))) best = time;
    }
    return best;
  }
  const auto time = parse_rfc3339(head.substr(0, head.find(' ')));
  return time ? std::optional<Time>(*time) : std::nullopt;
}

}  // namespace starttls::mtalog
