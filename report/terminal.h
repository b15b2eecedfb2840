// The width of a table in the output.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace starttls::report {

// In columns of characters; none: no limit.
using OutputWidth = std::optional<std::size_t>;

inline constexpr std::size_t default_width = 80;  // of a terminal that does not report its width
inline constexpr std::size_t min_width = 20;      // a smaller number is ignored
inline constexpr std::size_t max_width = 10'000;

// `columns` is the environment variable COLUMNS, "" if it is not set. It takes precedence over the width that
// the terminal reports (0: none). Numbers out of the range are ignored.
OutputWidth choose_width(bool is_terminal, const std::string& columns, std::size_t terminal_width);

// The width of standard output, if it is a terminal. Otherwise none, since programs read whole lines.
OutputWidth output_width();

}  // namespace starttls::report
