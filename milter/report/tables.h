// Plain text tables.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::milter {

// The first column is text, set to the left and cut to what the others leave of the width; the others are set
// to the right. Every row has as many cells as the head.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                  std::size_t width);

// 80 columns on a terminal; nothing is cut for a file or a pipe.
std::size_t output_width();

// A paragraph after a heading that stands out to the left: "  Heading: text that goes on, under itself".
// Broken at blanks for 80 columns.
std::string paragraph(std::string_view heading, std::string_view text);

// "1 session", "3 sessions"
std::string counted(std::uint64_t number, std::string_view one);

// "66.7%"; "-" where the whole is 0.
std::string percent(std::uint64_t part, std::uint64_t whole);

}  // namespace starttls::milter
