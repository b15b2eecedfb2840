#include "mail/bounce_fields.h"

#include <algorithm>
#include <cstddef>

#include "base/text.h"
#include "mail/delivery_status.h"

namespace starttls::mail {
namespace {

bool is_number(std::string_view text, std::size_t max_digits) {
  return !text.empty() && text.size() <= max_digits &&
         std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

}  // namespace

std::string_view take_paragraph(std::string_view& text) {
  std::size_t size = 0;
  bool has_ended = false;
  while (size < text.size() && !has_ended) {
    const auto newline = text.find('\n', size);
    const std::string_view line = text.substr(size, newline - size);
    has_ended = trim(line).empty();
    size = newline == std::string_view::npos ? text.size() : newline + 1;
  }
  const std::string_view paragraph = text.substr(0, size);
  text.remove_prefix(size);
  return paragraph;
}

std::string parse_status(std::string_view text) {
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos) return {};
  const bool is_status = is_number(text.substr(0, first), 1) &&
                         is_number(text.substr(first + 1, second - first - 1), 3) &&
                         is_number(text.substr(second + 1), 3);
  return is_status ? std::string(text) : "";
}

std::string parse_bounced_address(std::string_view text) {
  if (text.starts_with('<') && text.ends_with('>')) text = text.substr(1, text.size() - 2);
  const bool is_address = text.size() <= max_bounced_address && text.contains('@') &&
                          text.find_first_of("<> \t\r\n") == std::string_view::npos;
  return is_address ? std::string(text) : "";
}

std::string message_id_of(std::string_view value) {
  const auto begin = value.find('<');
  const auto end = value.find('>', begin);
  if (begin == std::string_view::npos || end == std::string_view::npos) return {};
  return std::string(value.substr(begin + 1, end - begin - 1));
}

}  // namespace starttls::mail
