#include "html/text.h"

#include <fmt/format.h>

#include <cstddef>

#include "base/text.h"

namespace starttls::html {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

// Whether the text begins with a day as RFC 3339 writes it, and with nothing longer.
bool begins_with_day(std::string_view text) {
  constexpr std::string_view form = "dddd-dd-dd";
  if (text.size() < form.size()) return false;
  for (std::size_t at = 0; at < form.size(); ++at) {
    if (form[at] == 'd' ? !is_digit(text[at]) : text[at] != form[at]) return false;
  }
  return text.size() == form.size() || !is_digit(text[form.size()]);
}

}  // namespace

std::string text(std::string_view text) {
  return escape(printable(text, 10'000));
}

std::string escape(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string prose(std::string_view sentences) {
  constexpr std::size_t day_size = 10;
  std::string out;
  std::size_t begin = 0;  // of what is not yet written
  for (std::size_t at = 0; at < sentences.size(); ++at) {
    if (!begins_with_day(sentences.substr(at)) || (at > 0 && is_digit(sentences[at - 1]))) continue;
    out += escape(sentences.substr(begin, at - begin));
    out += fmt::format("<time>{}</time>", sentences.substr(at, day_size));
    begin = at + day_size;
    at = begin - 1;
  }
  return out + escape(sentences.substr(begin));
}

std::string name(std::string_view name) {
  constexpr std::size_t max_shown = 300;  // bytes; a host name has 253
  std::string out;
  for (const char c : escape(printable(name, max_shown))) {
    out += c;
    if (c == '.' || c == '@') out += "<wbr>";
  }
  return out;
}

std::string grouped_digits(std::uint64_t number) {
  std::string digits = std::to_string(number);
  for (auto at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > 0; at -= 3) {
    digits.insert(static_cast<std::size_t>(at), 1, ',');
  }
  return digits;
}

std::string grouped_count(std::uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", grouped_digits(number), one, number == 1 ? "" : "s");
}

}  // namespace starttls::html
