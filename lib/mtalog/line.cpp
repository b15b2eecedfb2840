#include "mtalog/line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

#include "base/text.h"

namespace starttls::mtalog {
namespace {

constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
constexpr std::size_t old_stamp_size = std::string_view("Nov 26 16:40:06").size();
constexpr std::size_t date_size = std::string_view("2026-11-26").size();
// After the stamp follow a host, perhaps a priority in words (FreeBSD's syslogd -vv), and the tag.
constexpr int max_tag_place = 3;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_number(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, is_digit);
}

std::optional<int> number(std::string_view text) {
  if (text.starts_with(' ')) text.remove_prefix(1);
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!is_number(text) || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Removes the next word and the blanks after it.
std::string_view take_word(std::string_view& rest) {
  const std::string_view word = rest.substr(0, rest.find(' '));
  rest.remove_prefix(word.size());
  rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
  return word;
}

// "<34>"
void skip_priority(std::string_view& rest) {
  constexpr std::size_t max_digits = 3;
  if (!rest.starts_with('<')) return;
  const auto end = rest.find('>');
  if (end <= max_digits + 1 && is_number(rest.substr(1, end - 1))) rest.remove_prefix(end + 1);
}

// "1 ", the version of RFC 5424.
bool take_version(std::string_view& rest) {
  if (rest.size() < 3 || !rest.starts_with("1 ") || !is_digit(rest[2])) return false;
  rest.remove_prefix(2);
  return true;
}

// "16:40:06"
bool read_time_of_day(std::string_view text, LocalStamp& stamp) {
  const auto hour = number(text.substr(0, 2));
  const auto minute = number(text.substr(3, 2));
  const auto second = number(text.substr(6, 2));
  if (text[2] != ':' || text[5] != ':' || !hour || *hour > 23 || !minute || *minute > 59 || !second ||
      *second > 60)
    return false;
  stamp.hour = *hour;
  stamp.minute = *minute;
  stamp.second = std::chrono::seconds{*second};
  return true;
}

// ".123456" or ",123", cut to milliseconds. Returns false if something else follows.
bool read_fraction(std::string_view text, LocalStamp& stamp) {
  if (text.empty()) return true;
  if ((text[0] != '.' && text[0] != ',') || !is_number(text.substr(1))) return false;
  int scale = 100;
  for (const char digit : text.substr(1, 3)) {
    stamp.second += std::chrono::milliseconds{(digit - '0') * scale};
    scale /= 10;
  }
  return true;
}

// "Nov 26 16:40:06", "Nov  6 16:40:06.123"
std::optional<LocalStamp> take_old_stamp(std::string_view& rest) {
  if (rest.size() < old_stamp_size || rest[3] != ' ' || rest[6] != ' ') return std::nullopt;
  const auto* const month = std::ranges::find(months, rest.substr(0, 3));
  const auto day = number(rest.substr(4, 2));
  if (month == months.end() || !day || *day < 1 || *day > 31) return std::nullopt;
  LocalStamp stamp{.month = static_cast<unsigned>(month - months.begin()) + 1,
                   .day = static_cast<unsigned>(*day)};
  std::string_view after = rest;
  after.remove_prefix(7);
  const std::string_view time = take_word(after);
  constexpr std::size_t time_size = 8;
  if (time.size() < time_size || !read_time_of_day(time.substr(0, time_size), stamp) ||
      !read_fraction(time.substr(time_size), stamp))
    return std::nullopt;
  rest = after;
  return stamp;
}

// The place of the offset in "2026-11-26T16:40:06.123+0100"; npos if there is none.
std::size_t offset_in(std::string_view text) {
  return text.find_first_of("+-Zz", date_size + 1);
}

LocalStamp local_stamp(Time utc) {
  const Day day = to_day(utc);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{utc - day};
  return {.year = static_cast<int>(date.year()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day()),
          .hour = static_cast<int>(clock.hours().count()),
          .minute = static_cast<int>(clock.minutes().count()),
          .second = clock.seconds() + clock.subseconds()};
}

// "2026-11-26T16:40:06.123456+01:00", and the variants that programs write: a blank for the 'T', a comma for
// the point, "+0100" or "+01", or no offset at all.
std::optional<std::variant<Time, LocalStamp>> take_new_stamp(std::string_view& rest) {
  std::string_view after = rest;
  std::string text(take_word(after));
  if (text.size() < date_size || text[4] != '-') return std::nullopt;
  if (text.size() == date_size) text.append("T").append(take_word(after));
  std::ranges::replace(text, ',', '.');
  const auto offset = offset_in(text);
  const bool is_local = offset == std::string::npos;
  if (is_local) {
    text += 'Z';
  } else if (text[offset] == '+' || text[offset] == '-') {
    const std::size_t digits = text.size() - offset - 1;
    if (digits == 2) text += "00";
    if (digits == 2 || digits == 4) text.insert(offset + 3, ":");
  }
  const auto time = parse_rfc3339(text);
  if (!time) return std::nullopt;
  rest = after;
  if (is_local) return local_stamp(*time);
  return *time;
}

bool take_stamp(std::string_view& rest, Line& line) {
  if (!rest.empty() && is_digit(rest[0])) {
    const auto stamp = take_new_stamp(rest);
    if (stamp) line.stamp = *stamp;
    return stamp.has_value();
  }
  const auto stamp = take_old_stamp(rest);
  if (stamp) line.stamp = *stamp;
  return stamp.has_value();
}

// "[ID 197553 mail.info] " of Solaris
std::string_view without_message_id(std::string_view message) {
  if (!message.starts_with("[ID ")) return message;
  const auto end = message.find("] ");
  return end == std::string_view::npos ? message : message.substr(end + 2);
}

// "mx postfix/smtpd[123]: connect from ..."; a tag may have no process.
bool take_tagged(std::string_view rest, Line& line) {
  for (int place = 0; place < max_tag_place && !rest.empty(); ++place) {
    std::string_view word = take_word(rest);
    if (!word.ends_with(':')) continue;
    word.remove_suffix(1);
    line.program = word;
    line.message = without_message_id(rest);
    const auto open = word.rfind('[');
    if (word.ends_with(']') && open != std::string_view::npos) {
      line.program = word.substr(0, open);
      line.process = word.substr(open + 1, word.size() - open - 2);
    }
    return true;
  }
  return false;
}

// STRUCTURED-DATA of RFC 5424 6.3: "-", or elements such as [id name="value with \] in it"].
bool skip_structured_data(std::string_view& rest) {
  if (rest.starts_with('-')) {
    rest.remove_prefix(1);
    return rest.empty() || rest[0] == ' ';
  }
  if (!rest.starts_with('[')) return false;
  bool is_quoted = false;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (is_quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      is_quoted = !is_quoted;
    } else if (!is_quoted && rest[i] == ']' && (i + 1 == rest.size() || rest[i + 1] != '[')) {
      rest.remove_prefix(i + 1);
      return rest.empty() || rest[0] == ' ';
    }
  }
  return false;
}

// "mx postfix/smtpd 123 - [x y="z"] connect from ..." (RFC 5424 6)
bool take_fields(std::string_view rest, Line& line) {
  take_word(rest);  // HOSTNAME
  line.program = take_word(rest);
  const std::string_view process = take_word(rest);
  take_word(rest);  // MSGID
  if (line.program.empty() || (process != "-" && !is_number(process)) || !skip_structured_data(rest))
    return false;
  line.process = process == "-" ? std::string_view() : process;
  rest.remove_prefix(std::min(rest.size(), rest.find_first_not_of(' ')));
  if (rest.starts_with(byte_order_mark)) rest.remove_prefix(byte_order_mark.size());
  line.message = without_message_id(rest);
  return true;
}

}  // namespace

std::optional<Line> split(std::string_view text) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  skip_priority(text);
  const bool is_rfc5424 = take_version(text);
  Line line;
  if (!take_stamp(text, line)) return std::nullopt;
  if (!is_rfc5424 && take_tagged(text, line)) return line;
  const bool has_fields = std::holds_alternative<Time>(line.stamp) && take_fields(text, line);
  return has_fields ? std::optional(line) : std::nullopt;
}

}  // namespace starttls::mtalog
