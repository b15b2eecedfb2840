#include "milter/report/tables.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <limits>

namespace starttls::milter {
namespace {

constexpr std::size_t least_first_column = 16;
constexpr std::size_t paragraph_width = 80;
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

std::string paragraph(std::string_view heading, std::string_view text) {
  const std::string indent(heading.size(), ' ');
  std::string out(heading);
  std::size_t column = heading.size();
  bool at_begin = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!at_begin && column + 1 + word.size() > paragraph_width) {
      out += "\n" + indent;
      column = indent.size();
      at_begin = true;
    }
    out += at_begin ? "" : " ";
    out += word;
    column += word.size() + (at_begin ? 0 : 1);
    at_begin = false;
  }
  return out + "\n";
}

std::string counted(std::uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace starttls::milter
