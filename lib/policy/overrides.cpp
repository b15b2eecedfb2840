#include "policy/overrides.h"

#include <algorithm>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <unordered_map>

#include "base/domain.h"
#include "base/file.h"
#include "base/text.h"
#include "preload/mx_pattern.h"

namespace starttls::policy {
namespace {

using preload::Mode;

constexpr std::string_view blanks = " \t";

const std::vector<std::string> modes{"enforce", "none"};

// The words of a line up to its comment; views into it.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  std::size_t start = line.find_first_not_of(blanks);
  while (start != line.npos && line[start] != '#') {
    const std::size_t end = std::min(line.find_first_of(blanks, start), line.size());
    words.push_back(line.substr(start, end - start));
    start = line.find_first_not_of(blanks, end);
  }
  return words;
}

class Reader {
 public:
  OverrideReading read(std::string_view name, std::string_view text) &&;

 private:
  // `at` is a view into the line, and its start gives the column. Faults must come in the order of their
  // places.
  void fault(std::string_view at, std::string message);
  void take_text(std::string_view text);
  void take_line(std::string_view line);
  std::optional<DomainName> take_domain(std::string_view word);
  std::optional<Mode> take_mode(std::string_view word);
  // Joined by ':'.
  std::string take_mxs(std::span<const std::string_view> words);
  void take_entry(std::span<const std::string_view> words);

  std::size_t line_number_ = 1;
  std::string_view line_;
  std::string_view domain_;                            // of the line, as it is written
  std::unordered_map<DomainName, std::size_t> lines_;  // the first line of each domain
  preload::ListBuilder builder_;
  OverrideReading reading_{.list = preload::List(), .findings = {}};
};

void Reader::fault(std::string_view at, std::string message) {
  if (reading_.findings.size() == Findings::max_size) {
    ++reading_.suppressed;
    return;
  }
  const auto column = static_cast<std::size_t>(at.data() - line_.data()) + 1;
  reading_.findings.push_back({.severity = Severity::refused,
                               .position = {.line = line_number_, .column = column},
                               .entry = printable(domain_, 300),
                               .message = std::move(message)});
}

std::optional<DomainName> Reader::take_domain(std::string_view word) {
  auto domain = DomainName::parse(word);
  if (!domain) {
    fault(word, domain.error().message);
    return std::nullopt;
  }
  const auto [first, is_new] = lines_.emplace(*domain, line_number_);
  if (!is_new) fault(word, fmt::format("is on line {} already", first->second));
  return std::move(*domain);
}

std::optional<Mode> Reader::take_mode(std::string_view word) {
  if (word == "enforce") return Mode::enforce;
  if (word == "none") return Mode::none;
  if (word == "testing") {
    fault(word, "'testing' is for publishers: an override says what is to be done, 'enforce' or 'none'");
    return std::nullopt;
  }
  const auto meant = nearest(word, modes);
  fault(word,
        fmt::format("'{}' is no mode: {}", printable(word, 100),
                    meant.empty() ? "it is 'enforce' or 'none'" : fmt::format("did you mean '{}'?", meant)));
  return std::nullopt;
}

std::string Reader::take_mxs(std::span<const std::string_view> words) {
  std::string joined;
  std::set<std::string> known;
  for (const auto word : words | std::views::take(max_override_mxs)) {
    const auto pattern = preload::MxPattern::parse(word);
    if (!pattern) {
      fault(word, "MX " + pattern.error().message);
      continue;
    }
    if (!known.insert(pattern->str()).second) continue;
    if (!joined.empty()) joined += ':';
    joined += pattern->str();
  }
  if (words.size() > max_override_mxs) {
    fault(words[max_override_mxs], fmt::format("has more than {} MX hosts", max_override_mxs));
  }
  return joined;
}

void Reader::take_entry(std::span<const std::string_view> words) {
  domain_ = words[0];
  const auto domain = take_domain(words[0]);
  if (words.size() == 1) {
    fault(words[0], "has no mode: 'enforce' and the MX hosts, or 'none'");
    return;
  }
  const auto mode = take_mode(words[1]);
  const auto mx_words = words.subspan(2);
  if (mode == Mode::none) {
    if (!mx_words.empty()) fault(mx_words[0], "has mode 'none', which takes no MX host");
  } else if (mode == Mode::enforce && mx_words.empty()) {
    fault(words[1], "has mode 'enforce' and no MX host to enforce");
  }
  const std::string mxs = mode == Mode::none ? "" : take_mxs(mx_words);
  if (!reading_.findings.empty()) return;  // then there will be no list
  // No domain occurs twice, so the position does not matter.
  builder_.add(domain->str(), *mode, mxs, {});
}

void Reader::take_line(std::string_view line) {
  domain_ = {};
  if (line.ends_with('\r')) line.remove_suffix(1);
  if (line.size() > override_line_limit) {
    fault(line.substr(override_line_limit),
          fmt::format("the line is longer than {} bytes", override_line_limit));
    return;
  }
  if (const auto words = words_of(line); !words.empty()) take_entry(words);
}

void Reader::take_text(std::string_view text) {
  for (line_number_ = 1; !text.empty(); ++line_number_) {
    line_ = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line_.size() + 1, text.size()));
    const bool is_marked = line_number_ == 1 && line_.starts_with(byte_order_mark);
    if (is_marked) fault(line_, "the file begins with a byte order mark: save it as UTF-8 without one");
    take_line(line_.substr(is_marked ? byte_order_mark.size() : 0));
  }
}

OverrideReading Reader::read(std::string_view name, std::string_view text) && {
  if (text.size() > overrides_size_limit) {
    fault(line_, fmt::format("the file is longer than {} bytes", overrides_size_limit));
  } else {
    take_text(text);
  }
  if (!reading_.findings.empty()) {
    reading_.list = fail(Fault::config, "{}:{}", printable(name), to_string(reading_.findings.front()));
  } else {
    builder_.put_in_order();
    reading_.list = std::move(builder_.list());
    reading_.list->expires = never;
  }
  return std::move(reading_);
}

}  // namespace

OverrideReading read_overrides(std::string_view name, std::string_view text) {
  return Reader().read(name, text);
}

OverrideReading load_overrides(const std::filesystem::path& file) {
  const auto text = read_file(file, overrides_size_limit);
  if (!text) return {.list = fail(Fault::config, "{}", text.error().message), .findings = {}};
  return read_overrides(file.string(), *text);
}

}  // namespace starttls::policy
