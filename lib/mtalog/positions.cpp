#include "mtalog/positions.h"

#include <fmt/format.h>

#include <charconv>
#include <vector>

namespace starttls::mtalog {
namespace {

constexpr std::string_view file_word = "file ";
constexpr std::string_view journal_word = "journal ";

template <class Number>
bool take_number(std::string_view& text, char end, Number& number, int base = 10) {
  const std::string_view word = text.substr(0, text.find(end));
  const auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), number, base);
  if (word.empty() || error != std::errc() || stop != word.data() + word.size()) return false;
  text.remove_prefix(std::min(text.size(), word.size() + 1));
  return true;
}

bool take_place(std::string_view& text, FileOffset& place) {
  return take_number(text, ':', place.file.inode) && take_number(text, ':', place.file.begin_size) &&
         take_number(text, ':', place.file.begin_crc, 16) && take_number(text, ' ', place.offset);
}

std::string to_string(const FileOffset& place) {
  return fmt::format("{}:{}:{:08x}:{}", place.file.inode, place.file.begin_size, place.file.begin_crc,
                     place.offset);
}

}  // namespace

std::string to_string(const FilePosition& position) {
  std::string text = fmt::format("{}{} {}", file_word, to_string(position.needed), to_string(position.given));
  if (position.time) text += fmt::format(" {}", position.time->time_since_epoch().count());
  return text;
}

std::optional<FilePosition> parse_file_position(std::string_view text) {
  if (!text.starts_with(file_word)) return std::nullopt;
  text.remove_prefix(file_word.size());
  FilePosition position;
  if (!take_place(text, position.needed)) return std::nullopt;
  const bool has_time = text.find(' ') != std::string_view::npos;
  if (!take_place(text, position.given)) return std::nullopt;
  if (has_time) {
    std::int64_t milliseconds = 0;
    if (!take_number(text, ' ', milliseconds)) return std::nullopt;
    position.time = Time{std::chrono::milliseconds{milliseconds}};
  }
  return text.empty() ? std::optional(position) : std::nullopt;
}

std::string to_string(const JournalPosition& position) {
  return fmt::format("{}{} {}{}{}", journal_word, position.given, position.needed,
                     position.last.empty() ? "" : " ", position.last);
}

std::optional<JournalPosition> parse_journal_position(std::string_view text) {
  if (!text.starts_with(journal_word)) return std::nullopt;
  text.remove_prefix(journal_word.size());
  JournalPosition position;
  if (!take_number(text, ' ', position.given) || text.empty()) return std::nullopt;
  position.needed = text.substr(0, text.find(' '));
  text.remove_prefix(position.needed.size());
  if (!text.empty()) position.last = text.substr(1);
  const bool is_sound = !position.needed.empty() && (text.empty() || !position.last.empty()) &&
                        position.last.find(' ') == std::string::npos;
  return is_sound ? std::optional(position) : std::nullopt;
}

}  // namespace starttls::mtalog
