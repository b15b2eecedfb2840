#include "imap/mailbox_name.h"

#include <cstdint>

#include "base/text.h"

namespace starttls::imap {
namespace {

constexpr std::size_t max_name = 255;  // bytes
constexpr std::string_view digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";

bool is_ascii(char one) {
  return static_cast<unsigned char>(one) < 0x80;
}

// The next character of valid UTF-8, which is removed.
std::uint32_t take_character(std::string_view& text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  std::uint32_t character = size == 1 ? first : first & (0x7FU >> size);
  for (std::size_t at = 1; at < size; ++at)
    character = character << 6U | (static_cast<unsigned char>(text[at]) & 0x3FU);
  text.remove_prefix(size);
  return character;
}

// Base64 of UTF-16, without padding.
class Base64 {
 public:
  void add(std::uint32_t character) {
    if (character < 0x10000) return add_unit(character);
    add_unit(0xD800 + ((character - 0x10000) >> 10U));
    add_unit(0xDC00 + ((character - 0x10000) & 0x3FFU));
  }
  std::string take() {
    if (count_ > 0) text_ += digits[(bits_ << (6 - count_)) & 0x3FU];
    return std::move(text_);
  }

 private:
  void add_unit(std::uint32_t unit) {
    bits_ = bits_ << 16U | unit;
    for (count_ += 16; count_ >= 6; count_ -= 6) text_ += digits[bits_ >> (count_ - 6) & 0x3FU];
    bits_ &= (1U << count_) - 1;
  }

  std::string text_;
  std::uint32_t bits_ = 0;  // `count_` of them are not written yet
  unsigned count_ = 0;
};

}  // namespace

Result<std::string> quoted_mailbox_name(std::string_view name) {
  if (name.empty() || name.size() > max_name || !is_utf8(name))
    return fail(Fault::usage, "'{}' is no name of an IMAP folder", printable(name, 100));
  std::string quoted = "\"";
  while (!name.empty()) {
    const char next = name.front();
    if (!is_ascii(next)) {
      Base64 run;
      while (!name.empty() && !is_ascii(name.front())) run.add(take_character(name));
      quoted += "&" + run.take() + "-";
      continue;
    }
    if (static_cast<unsigned char>(next) < ' ' || next == '\x7F')
      return fail(Fault::usage, "the name of an IMAP folder has a control character");
    if (next == '"' || next == '\\') quoted += '\\';
    quoted += next;
    if (next == '&') quoted += '-';
    name.remove_prefix(1);
  }
  return quoted + "\"";
}

}  // namespace starttls::imap
