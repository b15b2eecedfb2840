#include "report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace starttls::report {
namespace {

constexpr std::size_t min_first_column = 16;
constexpr std::string_view gap = "  ";
constexpr std::string_view cut_mark = "...";
constexpr std::string_view stacked_indent = "  ";

bool is_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// The width of text in UTF-8. Characters that need two columns count as one.
std::size_t display_width(std::string_view text) {
  return text.size() - static_cast<std::size_t>(std::ranges::count_if(text, is_continuation));
}

std::string_view first_columns(std::string_view text, std::size_t columns) {
  std::size_t end = 0;
  for (std::size_t seen = 0; end < text.size(); ++end) {
    if (!is_continuation(text[end]) && ++seen > columns) break;
  }
  return text.substr(0, end);
}

std::string padded(const std::string& text, std::size_t width, bool to_the_right) {
  const std::string blanks(width - std::min(width, display_width(text)), ' ');
  return to_the_right ? blanks + text : text + blanks;
}

std::string fit(const std::string& name, const OutputWidth& width) {
  if (!width || display_width(name) <= *width) return name;
  return std::string(first_columns(name, *width - cut_mark.size())) + std::string(cut_mark);
}

std::vector<std::size_t> natural_widths(const Table& table) {
  std::vector<std::size_t> widths(table.head.size());
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] = display_width(table.head[i]);
    for (const auto& row : table.rows) widths[i] = std::max(widths[i], display_width(row[i]));
  }
  return widths;
}

std::size_t width_of_figures(const std::vector<std::size_t>& widths) {
  std::size_t sum = 0;
  for (std::size_t i = 1; i < widths.size(); ++i) sum += gap.size() + widths[i];
  return sum;
}

std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths,
                 const OutputWidth& width) {
  std::string out;
  std::string name = cells[0];
  if (display_width(name) > widths[0]) {
    out = fit(name, width) + "\n";
    name.clear();
  }
  out += padded(name, widths[0], false);
  for (std::size_t i = 1; i < cells.size(); ++i) {
    out += gap;
    out += padded(cells[i], widths[i], true);
  }
  return out + "\n";
}

// If the columns do not fit: the figures below the name, each after its column's name.
std::string stacked(const Table& table, std::size_t width) {
  std::string out;
  for (const auto& row : table.rows) {
    out += fit(row[0], width) + "\n";
    std::string figures;
    for (std::size_t i = 1; i < row.size(); ++i) {
      const std::string figure = table.head[i] + " " + row[i];
      const std::size_t taken = display_width(figures);
      if (figures.empty()) {
        figures = std::string(stacked_indent) + figure;
      } else if (taken + gap.size() + display_width(figure) <= width) {
        figures += std::string(gap) + figure;
      } else {
        out += figures + "\n";
        figures = std::string(stacked_indent) + figure;
      }
    }
    out += figures + "\n";
  }
  return out;
}

std::string csv_cell(const std::string& cell) {
  std::string out = "\"";
  if (!cell.empty() && std::string_view("=+-@\t\r").contains(cell.front())) out += '\'';
  for (const char c : cell) {
    out += c;
    if (c == '"') out += '"';
  }
  return out + "\"";
}

std::string csv_line(const std::vector<std::string>& cells) {
  std::string out;
  for (const std::string& cell : cells) out += (out.empty() ? "" : ",") + csv_cell(cell);
  return out + "\r\n";
}

}  // namespace

std::string to_columns(const Table& table, const OutputWidth& width) {
  auto widths = natural_widths(table);
  const std::size_t figures = width_of_figures(widths);
  if (width && figures + std::min(widths[0], min_first_column) > *width) return stacked(table, *width);
  if (width) widths[0] = std::min(widths[0], *width - figures);
  std::string out = line(table.head, widths, width);
  for (const auto& row : table.rows) out += line(row, widths, width);
  return out;
}

std::string to_csv(const Table& table) {
  std::string out = csv_line(table.head);
  for (const auto& row : table.rows) out += csv_line(row);
  return out;
}

std::string paragraph(std::string_view heading, std::string_view text, std::size_t width) {
  const std::string indent(heading.size(), ' ');
  std::string out(heading);
  std::size_t column = heading.size();
  bool at_begin = true;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(text.size(), word.size() + 1));
    if (!at_begin && column + 1 + word.size() > width) {
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

std::string shown_policy_domain(std::string_view policy_domain) {
  return policy_domain.empty() ? "(none given)" : printable(policy_domain, 200);
}

std::string shown_reporter(std::string_view organization_name) {
  return organization_name.empty() ? "(no name)" : printable(organization_name, 200);
}

std::string protection_label(const std::string& protection) {
  if (protection == "no-mail") return "no TLS, no mail";
  if (protection == "no-helo") return "disconnected before HELO";
  if (protection == "failed") return "TLS handshake failed";
  return protection;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  const double share = 100.0 * static_cast<double>(part) / static_cast<double>(whole);
  // A rounded share is never shown as none or all.
  if (part > 0 && share < 0.05) return "<0.1%";
  if (part < whole && share >= 99.95) return ">99.9%";
  return fmt::format("{:.1f}%", share);
}

}  // namespace starttls::report
