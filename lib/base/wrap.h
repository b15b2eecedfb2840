// Text for terminals, in lines of at most 80 columns.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace starttls {

inline constexpr std::size_t wrap_columns = 80;

// Appends words, which single blanks separate, in lines of at most wrap_columns bytes where no word is longer. The first
// line begins with `first_indent`, filled up with blanks to `indent`; the others with so many blanks.
void append_wrapped(std::string& text, std::string_view first_indent, std::size_t indent,
                    std::string_view words);

}  // namespace starttls
