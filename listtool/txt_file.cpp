#include "listtool/txt_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>

#include "base/text.h"

namespace starttls::listtool {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Reads one line of quoted strings; `at` is the position in it.
class QuotedLine {
 public:
  explicit QuotedLine(std::string_view line) : line_(line) {}

  // Returns false if the line is invalid; then at() is the position of the error.
  bool read() {
    while (skip_blanks(), at_ < line_.size()) {
      if (!read_string()) return false;
    }
    columns_.push_back(at_ + 1);
    return true;
  }

  std::size_t at() const { return at_; }
  std::string& text() { return text_; }
  std::vector<std::size_t>& columns() { return columns_; }

 private:
  void skip_blanks() { at_ = std::min(line_.find_first_not_of(" \t", at_), line_.size()); }

  bool read_string() {
    if (line_[at_] != '"') return false;
    for (++at_; at_ < line_.size() && line_[at_] != '"';) {
      if (!read_character()) return false;
    }
    if (at_ == line_.size()) return false;
    ++at_;
    return true;
  }

  bool read_character() {
    const std::size_t column = at_ + 1;
    char c = line_[at_++];
    if (c == '\\') {
      const auto escaped = read_escaped();
      if (!escaped) return false;
      c = *escaped;
    }
    text_ += c;
    columns_.push_back(column);
    return true;
  }

  // Reads what follows a backslash: three digits, or the character itself.
  std::optional<char> read_escaped() {
    if (at_ == line_.size()) return std::nullopt;
    if (!is_digit(line_[at_])) return line_[at_++];
    const std::string_view digits = line_.substr(at_, 3);
    if (digits.size() != 3 || !std::ranges::all_of(digits, is_digit)) return std::nullopt;
    const int value = std::accumulate(digits.begin(), digits.end(), 0,
                                      [](int sum, char digit) { return sum * 10 + (digit - '0'); });
    if (value > 255) return std::nullopt;
    at_ += 3;
    return static_cast<char>(value);
  }

  std::string_view line_;
  std::size_t at_ = 0;
  std::string text_;
  std::vector<std::size_t> columns_;
};

void add_quoted(TxtFile& file, std::string_view line, std::size_t number) {
  QuotedLine quoted(line);
  if (!quoted.read()) {
    file.findings.push_back(
        {.severity = Severity::refused,
         .position = {.line = number, .column = quoted.at() + 1},
         .entry = {},
         .message = fmt::format("'{}' is not strings in quotation marks", printable(line, 100))});
    return;
  }
  file.answer.push_back(std::move(quoted.text()));
  file.origins.push_back({.line = number, .columns = std::move(quoted.columns())});
}

void add_bare(TxtFile& file, std::string_view line, std::size_t number) {
  std::vector<std::size_t> columns(line.size() + 1);
  for (std::size_t i = 0; i < columns.size(); ++i) columns[i] = i + 1;
  file.answer.emplace_back(line);
  file.origins.push_back({.line = number, .columns = std::move(columns)});
}

}  // namespace

Position TxtFile::to_file_position(Position in_answer) const {
  if (in_answer.line > origins.size()) return {};
  const Origin& origin = origins[in_answer.line - 1];
  return {.line = origin.line,
          .column = origin.columns[std::min(in_answer.column, origin.columns.size()) - 1]};
}

TxtFile read_txt_file(std::string_view text) {
  TxtFile file;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (trim(line).empty()) continue;
    if (trim(line).front() == '"') {
      add_quoted(file, line, number);
    } else {
      add_bare(file, line, number);
    }
  }
  return file;
}

}  // namespace starttls::listtool
