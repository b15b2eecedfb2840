// Tables, and other ways in which figures are told.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/counted.h"
#include "base/text.h"
#include "report/terminal.h"

namespace starttls::report {

// What a table shows: names in the first column, figures in the others. Every row has as many cells as the
// head.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

// For a person: names to the left, figures to the right. With a limited width, no line is wider: a name for
// which the figures have no room has a line of its own, where it is cut if need be, and figures that have no
// room at all stand below the name. Without a limit each row is one line, and nothing is cut.
std::string in_columns(const Table& table, const OutputWidth& width);

// RFC 4180, with a head. A cell that a spreadsheet would take for a formula has an apostrophe before it.
std::string to_csv(const Table& table);

// A paragraph after a heading that stands out to the left: "  Heading: text that goes on, under itself".
// Broken at blanks for so many columns.
inline constexpr std::size_t prose_width = 80;
std::string paragraph(std::string_view heading, std::string_view text, std::size_t width = prose_width);

// "a, b and 3 more": at most so many names, fit to be shown.
template <class Names>
std::string list_some(const Names& names, std::size_t most) {
  std::string text;
  std::size_t shown = 0;
  for (const std::string& name : names) {
    if (shown++ == most) break;
    text += (text.empty() ? "" : ", ") + printable(name, 100);
  }
  return names.size() > most ? fmt::format("{} and {} more", text, names.size() - most) : text;
}

// Names in received reports, fit to be printed; "(none given)" and "(no name)" where there is none.
std::string shown_policy_domain(std::string_view policy_domain);
std::string shown_reporter(std::string_view organization_name);

// How each kind of session is told to a person: "plaintext", "TLS handshake failed"; TLS versions stand for
// themselves.
std::string protection_label(const std::string& protection);

// "66.7%"; "<0.1%" and ">99.9%" for what would be rounded to nothing or all; "-" where the whole is 0.
std::string percent(std::uint64_t part, std::uint64_t whole);

}  // namespace starttls::report
