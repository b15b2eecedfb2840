#include "mail/mbox.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include "base/text.h"
#include "mail/lines.h"

namespace starttls::mail {

bool is_mbox(std::string_view head) {
  return head.starts_with("From ");
}

namespace {

bool is_one_of(std::string_view text, std::span<const std::string_view> words) {
  return std::ranges::find(words, text) != words.end();
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return '0' <= c && c <= '9'; });
}

// Removes the next word from the text and returns it; "" at the end.
std::string_view take_word(std::string_view& text) {
  text = trim(text);
  const std::string_view word = text.substr(0, text.find_first_of(" \t"));
  text.remove_prefix(word.size());
  return word;
}

// Whether the line ends with a time as asctime(3) writes it, "Fri Nov 27 03:00:00 2026", perhaps with a zone
// or without seconds. A sentence in a mail that begins with "From " has no such end.
bool has_date(std::string_view line) {
  static constexpr std::array<std::string_view, 7> days{"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
  static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  std::string_view word = take_word(line);
  while (!word.empty() && !is_one_of(word, days)) word = take_word(line);
  if (!is_one_of(take_word(line), months) || !is_digits(take_word(line))) return false;
  if (take_word(line).find(':') == std::string_view::npos) return false;
  do {
    word = take_word(line);
  } while (!word.empty() && !(word.size() == 4 && is_digits(word)));
  return !word.empty();
}

bool begins_message(const Line& line, bool after_blank) {
  return is_mbox(line.text) && (after_blank || has_date(line.text));
}

}  // namespace

Result<void> for_each_message(const RandomAccessFile& mbox,
                              const std::function<void(std::uint64_t begin, std::uint64_t end)>& take) {
  std::optional<std::uint64_t> message;  // where it begins
  bool after_blank = true;
  const auto done = for_each_line(mbox, 0, mbox.size(), [&](const Line& line) {
    if (begins_message(line, after_blank)) {
      if (message) take(*message, line.begin);
      message = line.end;
    }
    after_blank = line.is_blank();
    return true;
  });
  if (done && message) take(*message, mbox.size());
  return done;
}

Result<bool> has_several_messages(const RandomAccessFile& mbox) {
  bool several = false;
  bool after_blank = false;
  const auto done = for_each_line(mbox, 0, mbox.size(), [&](const Line& line) {
    several = line.begin > 0 && begins_message(line, after_blank);
    after_blank = line.is_blank();
    return !several;
  });
  if (!done) return std::unexpected(done.error());
  return several;
}

}  // namespace starttls::mail
