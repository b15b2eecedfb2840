#include "tlsrpt/report_values.h"

#include <rapidjson/memorystream.h>
#include <rapidjson/reader.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <limits>

#include "base/text.h"

namespace starttls::tlsrpt {
namespace {

constexpr std::uint64_t max_number = std::numeric_limits<std::uint64_t>::max();
constexpr std::int64_t max_exponent = 1'000'000'000;  // no text is so long that more would matter

std::string_view take_digits(std::string_view& text) {
  const auto end = std::min(text.find_first_not_of("0123456789"), text.size());
  const std::string_view digits = text.substr(0, end);
  text.remove_prefix(end);
  return digits;
}

// Reads an exponent such as "e+3". Returns nothing if it is malformed.
std::optional<std::int64_t> take_exponent(std::string_view& text) {
  if (text.empty() || (text.front() != 'e' && text.front() != 'E')) return 0;
  text.remove_prefix(1);
  const bool is_negative = text.starts_with('-');
  if (is_negative || text.starts_with('+')) text.remove_prefix(1);
  const std::string_view digits = take_digits(text);
  if (digits.empty()) return std::nullopt;
  std::int64_t exponent = max_exponent;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  if (error != std::errc()) exponent = max_exponent;
  exponent = std::min(exponent, max_exponent);
  return is_negative ? -exponent : exponent;
}

// Reads the texts of one array, and refuses everything else.
class TextsHandler : public rapidjson::BaseReaderHandler<rapidjson::UTF8<>, TextsHandler> {
 public:
  bool Default() { return false; }
  bool String(const char* text, rapidjson::SizeType size, bool) {
    if (depth_ != 1) return false;
    texts.emplace_back(text, size);
    return true;
  }
  bool StartArray() { return ++depth_ == 1; }
  bool EndArray(rapidjson::SizeType) { return true; }

  std::vector<std::string> texts;

 private:
  int depth_ = 0;
};

}  // namespace

std::optional<std::uint64_t> parse_session_count(std::string_view text) {
  text = trim(text);
  const bool is_negative = text.starts_with('-');
  if (is_negative) text.remove_prefix(1);
  std::string digits(take_digits(text));
  if (digits.empty()) return std::nullopt;
  std::int64_t zeros = 0;  // the value is digits * 10^zeros
  if (text.starts_with('.')) {
    text.remove_prefix(1);
    const std::string_view fraction = take_digits(text);
    if (fraction.empty()) return std::nullopt;
    digits += fraction;
    zeros = -static_cast<std::int64_t>(fraction.size());
  }
  const auto exponent = take_exponent(text);
  if (!exponent || !text.empty()) return std::nullopt;
  zeros += *exponent;
  digits.erase(0, std::min(digits.find_first_not_of('0'), digits.size()));
  while (digits.ends_with('0')) {
    digits.pop_back();
    ++zeros;
  }
  if (digits.empty()) return 0;
  if (is_negative || zeros < 0) return std::nullopt;
  if (static_cast<std::int64_t>(digits.size()) + zeros > std::numeric_limits<std::uint64_t>::digits10 + 1)
    return max_number;
  digits.append(static_cast<std::size_t>(zeros), '0');
  std::uint64_t number = max_number;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return error == std::errc() ? number : max_number;
}

std::optional<std::vector<std::string>> parse_text_array(std::string_view text) {
  text = trim(text);
  if (!text.starts_with('[') || !text.ends_with(']')) return std::nullopt;
  rapidjson::MemoryStream stream(text.data(), text.size());
  TextsHandler handler;
  // Iterative: nesting, which is refused, uses no stack.
  const auto parsed = rapidjson::Reader().Parse<rapidjson::kParseIterativeFlag>(stream, handler);
  if (parsed.IsError()) return std::nullopt;
  return std::move(handler.texts);
}

}  // namespace starttls::tlsrpt
