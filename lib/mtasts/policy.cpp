#include "mtasts/policy.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "base/text.h"
#include "base/txt_record.h"

namespace starttls::mtasts {
namespace {

constexpr std::string_view blanks = " \t";
constexpr std::chrono::seconds min_useful_max_age{86'400};
constexpr std::size_t max_digits = 10;

// A line of the text as "name: value".
struct Field {
  std::string_view name;
  std::string_view value;
  Position position;
  Position value_position;
};

// Digits only. The caller need not distinguish values above the longest max_age.
std::optional<std::chrono::seconds> seconds_of(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::chrono::seconds seconds{0};
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    if (seconds <= max_max_age) seconds = seconds * 10 + std::chrono::seconds(c - '0');
  }
  return seconds;
}

bool is_extension_value(std::string_view value) {
  return !value.empty() && is_utf8(value) &&
         std::ranges::none_of(value, [](char c) { return (c >= 0 && c < ' ') || c == '\x7F'; });
}

// Reads a text line by line and collects the policy and the findings.
class Reader {
 public:
  void line(std::string_view text, Position position);
  PolicyReading finish();
  Findings& findings() { return findings_; }

 private:
  std::optional<Field> field_of(std::string_view text, Position position);
  void take(const Field& field);
  // Whether it is the first of its name; further ones are a fault and are ignored.
  bool is_first(const Field& field, bool& seen);
  void read_version(const Field& field);
  void read_mode(const Field& field);
  void read_max_age(const Field& field);
  void read_mx(const Field& field);
  void add_mx(const Field& field, MxPattern pattern);
  void ignore_field(const Field& field);
  void judge_mx();

  Findings findings_;
  Policy policy_;
  bool version_seen_ = false;
  bool mode_seen_ = false;
  bool max_age_seen_ = false;
  bool mx_seen_ = false;
  std::optional<Mode> mode_;
  std::set<std::string> known_mx_;
  std::vector<Finding> unreadable_mx_;  // their severity depends on the mode
};

std::optional<Field> Reader::field_of(std::string_view text, Position position) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    findings_.add(Severity::fault, position, {}, "an empty line, which a policy must not have");
    return std::nullopt;
  }
  if (first > 0) findings_.add(Severity::fault, position, {}, "begins with blanks");
  position.column += first;
  text = text.substr(first, text.find_last_not_of(blanks) + 1 - first);
  const auto colon = text.find(':');
  std::string_view name = text.substr(0, colon);
  name = name.substr(0, name.find_last_not_of(blanks) + 1);
  if (colon == std::string_view::npos || !is_field_name(name)) {
    findings_.add(Severity::refused, position, {},
                  fmt::format("'{}' is no field of the form 'name: value'", printable(text, 100)));
    return std::nullopt;
  }
  if (name.size() < colon) {
    findings_.add(Severity::fault, {position.line, position.column + name.size()}, name,
                  "a blank before ':'");
  }
  const auto value = std::min(text.find_first_not_of(blanks, colon + 1), text.size());
  return Field{.name = name,
               .value = text.substr(value),
               .position = position,
               .value_position = {position.line, position.column + value}};
}

void Reader::line(std::string_view text, Position position) {
  if (const auto field = field_of(text, position)) take(*field);
}

void Reader::take(const Field& field) {
  if (field.name == "version") {
    if (is_first(field, version_seen_)) read_version(field);
  } else if (field.name == "mode") {
    if (is_first(field, mode_seen_)) read_mode(field);
  } else if (field.name == "max_age") {
    if (is_first(field, max_age_seen_)) read_max_age(field);
  } else if (field.name == "mx") {
    read_mx(field);
  } else {
    ignore_field(field);
  }
}

// RFC 8461 section 3.2: if a field occurs twice, except mx, the first counts.
bool Reader::is_first(const Field& field, bool& seen) {
  if (!std::exchange(seen, true)) return true;
  findings_.add(Severity::fault, field.position, field.name, "is there twice; the first counts");
  return false;
}

void Reader::read_version(const Field& field) {
  if (field.value == "STSv1") return;
  findings_.add(Severity::refused, field.value_position, field.name,
                fmt::format("'{}' is not 'STSv1', the only one there is", printable(field.value, 100)));
}

void Reader::read_mode(const Field& field) {
  mode_ = find_mode(field.value);
  if (mode_) return;
  const bool case_only = find_mode(to_lower(field.value)).has_value();
  findings_.add(
      Severity::refused, field.value_position, field.name,
      fmt::format("'{}' is unknown; {}", printable(field.value, 100),
                  case_only ? "modes are written in lower case" : "known are enforce, testing and none"));
}

// RFC 8461 section 3.2: at most 31557600 seconds, of at most ten digits.
void Reader::read_max_age(const Field& field) {
  const auto seconds = seconds_of(field.value);
  if (!seconds) {
    findings_.add(Severity::refused, field.value_position, field.name,
                  fmt::format("'{}' is no number of seconds", printable(field.value, 100)));
    return;
  }
  policy_.max_age = std::min(*seconds, max_max_age);
  if (*seconds > max_max_age) {
    findings_.add(Severity::fault, field.value_position, field.name,
                  fmt::format("is more than {0} seconds and counts as {0}", max_max_age.count()));
  } else if (field.value.size() > max_digits) {
    findings_.add(Severity::fault, field.value_position, field.name,
                  fmt::format("has more than {} digits", max_digits));
  }
}

void Reader::read_mx(const Field& field) {
  mx_seen_ = true;
  const auto ignore = [&](std::string message) {
    findings_.add(Severity::fault, field.value_position, field.name, std::move(message));
  };
  if (field.value.empty()) return ignore("is empty");
  if (field.value == ".") return ignore("'.' is the null MX (RFC 7505), not an MX host");
  auto pattern = MxPattern::parse(field.value);
  if (!pattern && is_address_like(field.value.substr(field.value.starts_with("*.") ? 2 : 0))) {
    return ignore(pattern.error().message);
  }
  if (!pattern) {
    unreadable_mx_.push_back({.severity = Severity::refused,
                              .position = field.value_position,
                              .entry = std::string(field.name),
                              .message = pattern.error().message});
    return;
  }
  const bool single_label = pattern->name().str().find('.') == std::string::npos;
  if (single_label && !pattern->is_wildcard()) {
    return ignore(fmt::format("'{}' is a single label, which no MX host is called", pattern->str()));
  }
  if (single_label) {
    findings_.add(Severity::note, field.value_position, field.name,
                  fmt::format("'{}' covers a whole top-level domain", pattern->str()));
  }
  add_mx(field, std::move(*pattern));
}

void Reader::add_mx(const Field& field, MxPattern pattern) {
  const std::string name = pattern.str();
  if (to_lower(field.value) != name) {
    findings_.add(Severity::fault, field.value_position, field.name,
                  fmt::format("'{}' is to be written '{}'", printable(field.value, 300), name));
  }
  if (known_mx_.insert(name).second) {
    policy_.mx.push_back(std::move(pattern));
  } else {
    findings_.add(Severity::note, field.value_position, field.name, fmt::format("'{}' is there twice", name));
  }
}

// RFC 8461 section 3.2: unknown fields are extensions and are ignored.
void Reader::ignore_field(const Field& field) {
  static const std::array<std::string, 3> others{"version", "mode", "max_age"};
  const std::string lower = to_lower(field.name);
  if (!is_extension_value(field.value)) {
    findings_.add(Severity::fault, field.value_position, field.name,
                  field.value.empty() ? "has no value"
                                      : fmt::format("'{}' is no plain text", printable(field.value, 100)));
  } else if (lower.size() <= 3 && lower.find("mx") != std::string::npos) {
    // Beside valid mx fields nobody would notice it until mail to that host stops.
    findings_.add(Severity::fault, field.position, field.name, "is unknown and is ignored; meant is 'mx'?");
  } else if (const auto meant = nearest(lower, others); !meant.empty() && lower.size() > 2) {
    findings_.add(Severity::note, field.position, field.name,
                  fmt::format("is unknown and is ignored; meant is '{}'?", meant));
  } else {
    findings_.add(Severity::note, field.position, field.name, "is unknown and is ignored");
  }
}

// RFC 8461 section 3.2: only a policy with the mode none needs no mx.
void Reader::judge_mx() {
  for (Finding& finding : unreadable_mx_) {
    findings_.add(mode_ == Mode::none ? Severity::fault : Severity::refused, finding.position, finding.entry,
                  std::move(finding.message));
  }
  if (mode_ == Mode::none || !policy_.mx.empty() || !unreadable_mx_.empty()) return;
  findings_.add(Severity::refused, {}, {}, mx_seen_ ? "none of its mx can match a host" : "has no mx");
}

PolicyReading Reader::finish() {
  if (!version_seen_) findings_.add(Severity::refused, {}, {}, "has no version");
  if (!mode_seen_) findings_.add(Severity::refused, {}, {}, "has no mode");
  if (!max_age_seen_) findings_.add(Severity::refused, {}, {}, "has no max_age");
  judge_mx();
  PolicyReading reading;
  if (!findings_.refused()) {
    policy_.mode = *mode_;
    if (policy_.mode != Mode::none && policy_.max_age < min_useful_max_age) {
      findings_.add(Severity::note, {}, {},
                    fmt::format("max_age {} is less than a day: senders that look daily forget the policy",
                                policy_.max_age.count()));
    }
    reading.policy = std::move(policy_);
  }
  reading.suppressed = findings_.suppressed();
  reading.findings = std::move(findings_).take();
  return reading;
}

PolicyReading refused(std::string message) {
  PolicyReading reading;
  reading.findings.push_back(
      {.severity = Severity::refused, .position = {}, .entry = {}, .message = std::move(message)});
  return reading;
}

// Detects a web page, which would have too many findings.
bool is_markup(std::string_view text) {
  return trim(text).starts_with('<');
}

}  // namespace

bool Policy::matches(const DomainName& mx_host) const {
  return std::ranges::any_of(mx, [&](const MxPattern& pattern) { return pattern.matches(mx_host); });
}

std::vector<std::string> policy_strings(const Policy& policy) {
  std::vector<std::string> strings{"version: STSv1", fmt::format("mode: {}", to_string(policy.mode))};
  for (const MxPattern& pattern : policy.mx) {
    if (strings.size() + 1 == max_policy_strings) break;
    strings.push_back(fmt::format("mx: {}", pattern.str()));
  }
  strings.push_back(fmt::format("max_age: {}", policy.max_age.count()));
  return strings;
}

PolicyReading read_policy(std::string_view text) {
  if (text.size() > policy_size_limit) {
    return refused(fmt::format("is larger than the {} bytes that senders read", policy_size_limit));
  }
  Reader reader;
  Position position;
  if (text.starts_with(byte_order_mark)) {
    reader.findings().add(Severity::fault, position, {}, "begins with a byte order mark");
    text.remove_prefix(byte_order_mark.size());
    position.column += byte_order_mark.size();
  }
  if (is_markup(text)) return refused("is a web page (HTML or XML), not a policy");
  for (; !text.empty(); position = {.line = position.line + 1, .column = 1}) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    reader.line(line, position);
  }
  return reader.finish();
}

}  // namespace starttls::mtasts
