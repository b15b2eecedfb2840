// How wide a table may be where it is printed.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace starttls::report {

// In columns of characters; nothing: there is no limit.
using OutputWidth = std::optional<std::size_t>;

inline constexpr std::size_t default_width = 80;  // of a terminal that does not say how wide it is
inline constexpr std::size_t min_width = 20;      // a smaller number is no width of a terminal
inline constexpr std::size_t max_width = 10'000;

// `columns` is what the environment variable COLUMNS has, "" for nothing; it counts before what the terminal
// says of itself (0: it does not say). A number that is no width is ignored.
OutputWidth width_of(bool is_terminal, const std::string& columns, std::size_t terminal_width);

// Of standard output: as wide as the terminal; nothing where it is no terminal, since a program that reads a
// line wants all of it.
OutputWidth output_width();

}  // namespace starttls::report
