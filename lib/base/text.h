// Text from outside: escaping, trimming, comparing.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace starttls {

// Some editors write it at the beginning of a text in UTF-8. It is not part of the text.
inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// The text, with everything escaped that could disturb a terminal or a log: control characters (C0, DEL, C1),
// bytes that are not valid UTF-8, line and paragraph separators and the characters that change the writing
// direction become \xNN (a byte) or \u{NNNN}. A backslash is doubled. A text over `limit` bytes is cut and
// ends in "...".
std::string printable(std::string_view text, std::size_t limit = 1000);

// Whether the text is well-formed UTF-8 (RFC 3629).
bool is_utf8(std::string_view text);

// ASCII only; other bytes stay as they are.
std::string to_lower(std::string_view text);

// Without blanks, tabs, CR and LF at both ends.
std::string_view trim(std::string_view text);

// The nearest of the words by edit distance, for "did you mean ...?"; "" where none is near.
std::string_view nearest(std::string_view word, std::span<const std::string> words);

}  // namespace starttls
