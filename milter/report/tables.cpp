#include "milter/report/tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace starttls::milter {
namespace {

constexpr std::size_t width = 80;
constexpr std::size_t least_first_column = 16;
constexpr std::string_view gap = "  ";

std::vector<std::size_t> widths_of(const Table& table) {
  std::vector<std::size_t> widths(table.head.size());
  for (std::size_t i = 0; i < widths.size(); ++i) {
    widths[i] = table.head[i].size();
    for (const auto& row : table.rows) widths[i] = std::max(widths[i], row[i].size());
  }
  std::size_t others = 0;
  for (std::size_t i = 1; i < widths.size(); ++i) others += gap.size() + widths[i];
  const std::size_t left = width > others ? width - others : 0;
  widths[0] = std::min(widths[0], std::max(left, least_first_column));
  return widths;
}

std::string line(const std::vector<std::string>& cells, const std::vector<std::size_t>& widths) {
  std::string out;
  std::string name = cells[0];
  if (name.size() > widths[0]) {
    if (name.size() > width) name = name.substr(0, width - 3) + "...";
    out = std::exchange(name, {}) + "\n";
  }
  out += fmt::format("{:<{}}", name, widths[0]);
  for (std::size_t i = 1; i < cells.size(); ++i) out += fmt::format("{}{:>{}}", gap, cells[i], widths[i]);
  return out + "\n";
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

std::string in_columns(const Table& table) {
  const auto widths = widths_of(table);
  std::string out = line(table.head, widths);
  for (const auto& row : table.rows) out += line(row, widths);
  return out;
}

std::string to_csv(const Table& table) {
  std::string out = csv_line(table.head);
  for (const auto& row : table.rows) out += csv_line(row);
  return out;
}

std::string paragraph(std::string_view heading, std::string_view text) {
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

std::string counted(std::uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", number, one, number == 1 ? "" : "s");
}

std::string shown_policy_domain(std::string_view policy_domain) {
  return policy_domain.empty() ? "(none given)" : printable(policy_domain, 200);
}

std::string shown_reporter(std::string_view organization_name) {
  return organization_name.empty() ? "(no name)" : printable(organization_name, 200);
}

std::string protection_label(const std::string& protection) {
  if (protection == "no-mail") return "no TLS, no mail";
  if (protection == "no-helo") return "left before HELO";
  if (protection == "failed") return "TLS handshake failed";
  return protection;
}

std::string percent(std::uint64_t part, std::uint64_t whole) {
  if (whole == 0) return "-";
  return fmt::format("{:.1f}%", 100.0 * static_cast<double>(part) / static_cast<double>(whole));
}

}  // namespace starttls::milter
