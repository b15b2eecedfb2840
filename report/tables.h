// Tables and other text with figures.
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

// Names are in the first column, figures in the others. Every row has as many cells as the head.
struct Table {
  std::vector<std::string> head;
  std::vector<std::vector<std::string>> rows;
};

// As text in columns: names on the left, figures on the right. No line is wider than a given width. A name
// that is too long has its own line, where it is cut if necessary. Figures that do not fit are below the
// name. Without a width each row is one line, and nothing is cut.
std::string to_columns(const Table& table, const OutputWidth& width);

// RFC 4180, with a head. If a spreadsheet would read a cell as a formula, the cell has an apostrophe before
// it.
std::string to_csv(const Table& table);

// A paragraph with a hanging heading: "  Heading: text", with the next lines below the text. Lines are broken
// at blanks.
inline constexpr std::size_t prose_width = 80;
std::string paragraph(std::string_view heading, std::string_view text, std::size_t width = prose_width);

// "a, b and 3 more": at most this many names, printable.
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

// Names in received reports, printable; "(none given)" and "(no name)" if there is none.
std::string shown_policy_domain(std::string_view policy_domain);
std::string shown_reporter(std::string_view organization_name);

// The label of each kind of session: "plaintext", "TLS handshake failed", "TLSv1.3".
std::string protection_label(const std::string& protection);

// "66.7%"; "<0.1%" and ">99.9%" for shares that would be rounded to none or all; "-" if the whole is 0.
std::string percent(std::uint64_t part, std::uint64_t whole);

}  // namespace starttls::report
