// Plain text tables that fit a terminal of 80 columns.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace starttls::milter {

// The first column is text, set to the left and cut to what the others leave of 80 columns; the others are
// set to the right. Every row has as many cells as the head.
std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows);

// "66.7%"; "-" where the whole is 0.
std::string percent(std::uint64_t part, std::uint64_t whole);

}  // namespace starttls::milter
