#include "base/clock.h"

#include <charconv>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"

namespace starttls {
namespace {

using namespace std::chrono;

// Reads digits and separators from the front of a text. Each function returns whether it found what it
// expected.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  std::optional<int> digits(std::size_t count) {
    if (rest_.size() < count) return std::nullopt;
    int value = 0;
    for (std::size_t i = 0; i < count; ++i) {
      if (rest_[i] < '0' || rest_[i] > '9') return std::nullopt;
      value = value * 10 + (rest_[i] - '0');
    }
    rest_.remove_prefix(count);
    return value;
  }

  bool one_of(std::string_view wanted) {
    if (rest_.empty() || wanted.find(rest_.front()) == std::string_view::npos) return false;
    last_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }

  char last() const { return last_; }
  bool at_end() const { return rest_.empty(); }

 private:
  std::string_view rest_;
  char last_ = '\0';
};

std::optional<Day> scan_day(Scanner& scan) {
  const auto y = scan.digits(4);
  if (!y || !scan.one_of("-")) return std::nullopt;
  const auto m = scan.digits(2);
  if (!m || !scan.one_of("-")) return std::nullopt;
  const auto d = scan.digits(2);
  if (!d) return std::nullopt;
  const year_month_day date{year{*y}, month{static_cast<unsigned>(*m)}, day{static_cast<unsigned>(*d)}};
  if (!date.ok()) return std::nullopt;
  return sys_days{date};
}

std::optional<milliseconds> scan_fraction(Scanner& scan) {
  int scale = 100;
  int value = 0;
  bool any = false;
  while (const auto digit = scan.digits(1)) {
    value += *digit * scale;
    scale /= 10;
    any = true;
  }
  if (!any) return std::nullopt;
  return milliseconds{value};
}

std::optional<milliseconds> scan_time_of_day(Scanner& scan) {
  const auto h = scan.digits(2);
  if (!h || !scan.one_of(":")) return std::nullopt;
  const auto m = scan.digits(2);
  if (!m || !scan.one_of(":")) return std::nullopt;
  const auto s = scan.digits(2);
  if (!s || *h > 23 || *m > 59 || *s > 60) return std::nullopt;
  milliseconds time = hours{*h} + minutes{*m} + seconds{*s == 60 ? 59 : *s};
  if (scan.one_of(".")) {
    const auto fraction = scan_fraction(scan);
    if (!fraction) return std::nullopt;
    time += *fraction;
  }
  return time;
}

std::optional<minutes> scan_offset(Scanner& scan) {
  if (scan.one_of("zZ")) return minutes{0};
  if (!scan.one_of("+-")) return std::nullopt;
  const bool east = scan.last() == '+';
  const auto h = scan.digits(2);
  if (!h || !scan.one_of(":")) return std::nullopt;
  const auto m = scan.digits(2);
  if (!m || *h > 23 || *m > 59) return std::nullopt;
  const minutes offset = hours{*h} + minutes{*m};
  return east ? offset : -offset;
}

std::optional<Time> scan_rfc3339(std::string_view text) {
  Scanner scan(text);
  const auto date = scan_day(scan);
  if (!date || !scan.one_of("tT ")) return std::nullopt;
  const auto time = scan_time_of_day(scan);
  if (!time) return std::nullopt;
  const auto offset = scan_offset(scan);
  if (!offset || !scan.at_end()) return std::nullopt;
  const Time result{*date + *time - *offset};
  const int in_year = static_cast<int>(year_month_day{to_day(result)}.year());
  if (in_year < 1970 || in_year > 9999) return std::nullopt;  // the offset may move the time out of range
  return result;
}

}  // namespace

Clock system_clock() {
  return [] { return floor<milliseconds>(std::chrono::system_clock::now()); };
}

namespace {

// A clock for tests, which set it while the program runs. It returns the time in the file.
class FileClock {
 public:
  explicit FileClock(std::string file) : file_(std::move(file)) {}

  bool read() { return current().has_value(); }

  // Returns the last time that was read while the file is being written.
  Time now() {
    const auto time = current();
    return time ? *time : last_.get();
  }

 private:
  std::optional<Time> current() {
    std::string line;
    std::ifstream text(file_);
    std::getline(text, line);
    const auto time = scan_rfc3339(line);
    if (time) last_.set(*time);
    return time;
  }

  const std::string file_;
  Guarded<Time> last_;
};

}  // namespace

Result<Clock> program_clock() {
  const char* given = std::getenv("STARTTLS_TOOLKIT_NOW");
  if (given == nullptr || *given == '\0') return system_clock();
  if (const auto now = scan_rfc3339(given)) return [moment = *now] { return moment; };
  if (*given == '/') {
    const auto clock = std::make_shared<FileClock>(given);
    if (clock->read()) return [clock] { return clock->now(); };
  }
  return fail(Fault::usage,
              "STARTTLS_TOOLKIT_NOW is '{}', not an RFC 3339 time nor the path of a file that holds one",
              printable(given));
}

Day to_day(Time time) {
  return floor<days>(time);
}

std::string to_rfc3339(Time time) {
  const Day day = to_day(time);
  const hh_mm_ss clock{time - day};
  auto text = fmt::format("{}T{:02}:{:02}:{:02}", to_string(day), clock.hours().count(),
                          clock.minutes().count(), clock.seconds().count());
  if (clock.subseconds().count() != 0) text += fmt::format(".{:03}", clock.subseconds().count());
  return text + "Z";
}

Result<Time> parse_rfc3339(std::string_view text) {
  if (const auto time = scan_rfc3339(text)) return *time;
  return fail(Fault::data, "'{}' is not an RFC 3339 time such as 2026-01-31T12:00:00Z", printable(text));
}

std::string to_string(Day day) {
  const year_month_day date{day};
  return fmt::format("{:04}-{:02}-{:02}", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                     static_cast<unsigned>(date.day()));
}

Result<Day> parse_day(std::string_view text) {
  Scanner scan(text);
  const auto day = scan_day(scan);
  if (!day || !scan.at_end() || day->time_since_epoch().count() < 0) {
    return fail(Fault::data, "'{}' is not a day such as 2026-01-31", printable(text));
  }
  return *day;
}

}  // namespace starttls
