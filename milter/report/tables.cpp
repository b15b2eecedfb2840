#include "milter/report/tables.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace starttls::milter {
namespace {

constexpr std::size_t least_first_column = 16;
constexpr std::string_view gap = "  ";

std::vector<std::size_t> widths_of(const std::vector<std::string>& head,
                                   const std::vector<std::vector<std::string>>& rows, std::size_t width) {
  std::vector<std::size_t> widths(head.size());
  for (std::size_t i = 0; i < head.size(); ++i) {
    widths[i] = head[i].size();
    for (const auto& row : rows) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t others = 0;
  for (std::size_t i = 1; i < widths.size(); ++i) others += gap.size() + widths[i];
  const std::size_t left = width > others ? width - others : 0;
  widths[0] = std::min(widths[0], std::max(left, least_first_column));
  return widths;
}

std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  const bool cut = cells[0].size() > widths[0];
  std::string out =
      fmt::format("{:<{}}", cut ? cells[0].substr(0, widths[0] - 3) + "..." : cells[0], widths[0]);
  for (std::size_t i = 1; i < cells.size(); ++i) out += fmt::format("{}{:>{}}", gap, cells[i], widths[i]);
  return out + "\n";
}

}  // namespace

std::string table(const std::vector<std::string>& head, const std::vector<std::vector<std::string>>& rows,
                  std::size_t width) {
  const auto widths = widths_of(head, rows, width);
  std::string out = line(head, widths);
  for (const auto& row : rows) out += line(row, widths);
  return out;
}

std::size_t output_width() {
  return ::isatty(STDOUT_FILENO) != 0 ? 80 : std::numeric_limits<std::size_t>::max();
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace starttls::milter
