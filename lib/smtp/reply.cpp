#include "smtp/reply.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"

namespace starttls::smtp {
namespace {

constexpr std::size_t max_shown = 500;  // bytes of a line

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// The end of the digits that begin at a position.
std::size_t end_of_digits(std::string_view text, std::size_t begin) {
  std::size_t end = begin;
  while (end < text.size() && is_digit(text[end])) ++end;
  return end;
}

// RFC 3463 section 2: class "." subject "." detail. The class is that of the code.
std::string_view enhanced_code(std::string_view text, int severity) {
  if (text.size() < 2 || text[0] != '0' + severity || text[1] != '.') return {};
  const std::size_t subject = end_of_digits(text, 2);
  if (subject == 2 || subject > 5 || subject >= text.size() || text[subject] != '.') return {};
  const std::size_t detail = end_of_digits(text, subject + 1);
  if (detail == subject + 1 || detail > subject + 4) return {};
  if (detail < text.size() && text[detail] != ' ') return {};
  return text.substr(0, detail);
}

bool is_keyword(std::string_view word) {
  const auto is_keyword_byte = [](char c) {
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  };
  return !word.empty() && std::ranges::all_of(word, is_keyword_byte);
}

std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return upper;
}

}  // namespace

std::string Reply::first_line() const {
  if (lines.empty() || lines.front().empty()) return std::to_string(code);
  return fmt::format("{} {}", code, lines.front());
}

std::size_t ReplyReader::add(std::string_view bytes) {
  std::size_t taken = 0;
  while (state_ == State::incomplete && taken < bytes.size()) {
    const auto end = bytes.find('\n', taken);
    const std::string_view piece = bytes.substr(taken, end == bytes.npos ? end : end + 1 - taken);
    taken += piece.size();
    bytes_ += piece.size();
    if (line_.size() + piece.size() > limits_.max_line) {
      reject(fmt::format("a line of more than {} bytes", limits_.max_line));
    } else if (bytes_ > limits_.max_bytes) {
      reject(fmt::format("a reply of more than {} bytes", limits_.max_bytes));
    } else {
      line_ += piece;
      if (end != bytes.npos) add_line(line_);
    }
  }
  return taken;
}

void ReplyReader::add_line(std::string_view line) {
  line.remove_suffix(line.ends_with("\r\n") ? 2 : 1);
  const std::string_view code = line.substr(0, 3);
  const bool has_code = code.size() == 3 && code[0] >= '2' && code[0] <= '5' && end_of_digits(code, 0) == 3;
  const char separator = line.size() > 3 ? line[3] : ' ';
  if (!has_code || (separator != ' ' && separator != '-'))
    return reject(fmt::format("not a reply of SMTP: {}", printable(line, 100)));
  if (reply_.lines.size() >= limits_.max_lines)
    return reject(fmt::format("a reply of more than {} lines", limits_.max_lines));
  reply_.code = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
  const std::string_view text = line.substr(std::min<std::size_t>(line.size(), 4));
  if (reply_.lines.empty()) reply_.enhanced = enhanced_code(text, reply_.severity());
  reply_.lines.push_back(printable(text, max_shown));
  line_.clear();
  if (separator == ' ') state_ = State::complete;
}

void ReplyReader::reject(std::string error) {
  state_ = State::malformed;
  error_ = std::move(error);
}

std::vector<std::string> extensions(const Reply& ehlo) {
  std::vector<std::string> keywords;
  for (std::size_t i = 1; i < ehlo.lines.size(); ++i) {
    const std::string_view line = ehlo.lines[i];
    const std::string_view word = line.substr(0, line.find(' '));
    if (is_keyword(word)) keywords.push_back(to_upper(word));
  }
  return keywords;
}

}  // namespace starttls::smtp
