// The parts of the page of `check --html`: pure, from what was found to HTML. check_page_file.h puts them together.
//
// A page about one domain is its verdicts and findings. A page about several begins with a table of all of them, the
// worst first, and has below it what was found of each; the table can be sorted where scripts run.
#pragma once

#include <array>
#include <bitset>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "checkdb/known_domain.h"
#include "examination/finding.h"
#include "examination/judge.h"
#include "html/page.h"
#include "html/table.h"
#include "listtool/check_output.h"
#include "listtool/own_network.h"

namespace starttls::listtool {

// What this page has beside the style of all pages: check_page.css and check_page.js.
html::Asset check_page_style();
html::Asset check_page_script();

// Where and when the domains were examined.
struct PageOrigin {
  Time time;
  std::string host;  // as it greets mail servers
};

// One row of the table: what the page needs of a domain beside its findings.
struct PageRow {
  std::string domain;
  examination::Level level = examination::Level::ok;
  std::size_t faults = 0;
  std::size_t warnings = 0;
  std::array<std::optional<examination::Outcome>, 4> outcomes{};  // by examination::Sender
};
PageRow page_row(const Examined& examined);

inline constexpr std::size_t max_codes = 128;
using CodeSet = std::bitset<max_codes>;

// What the parts before and behind the domains say.
struct PageContent {
  PageOrigin origin;
  bool is_alone = false;      // one domain was asked for: there is no table
  bool only_changes = false;  // --changed
  std::size_t unchanged = 0;  // domains that are not on the page for this reason
  std::size_t left_out = 0;   // domains that were not examined again: --since
  std::vector<PageRow> rows;  // in the order of the page
  CodeSet codes;              // those of its findings
  OwnNetwork own_network;
};

// What was found of a domain. Folded where there are several and this one is sound: without a fault, and nothing is
// unknown. `changes` may be null. Adds the codes of the findings that it shows.
std::string domain_html(const Examined& examined, const checkdb::CheckChanges* changes, CheckStyle style,
                        bool is_alone, CodeSet& codes);

html::Head page_head(const PageContent& content);
// From <body> to the rows of the table, if there is one; then each row; then what is between the table and the domains.
std::string before_rows(const PageContent& content);
html::Table rows_table(const PageContent& content);
void add_row(html::Table& table, const PageRow& row, bool with_lists);
std::string before_domains(const PageContent& content);
// From behind the domains to the end.
std::string after_domains(const PageContent& content);

// Whether there is a list or override for any domain.
bool has_lists(const PageContent& content);

// The source of a code, where RFCs are links: "RFC 8461 section 4.1; RFC 6125 section 6.4".
std::string source_html(std::string_view source);

}  // namespace starttls::listtool
