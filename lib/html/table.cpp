#include "report/html_table.h"

#include <fmt/format.h>

#include <utility>

#include "base/counted.h"
#include "report/charts.h"
#include "report/tables.h"

namespace starttls::report {
namespace {

std::string_view class_attribute(ColumnKind kind) {
  switch (kind) {
    case ColumnKind::number:
      return "";
    case ColumnKind::text:
      return R"( class="text")";
    case ColumnKind::chart:
      return R"( class="chart")";
  }
  std::unreachable();
}

}  // namespace

HtmlTable::HtmlTable(std::string caption, std::vector<HtmlColumn> columns)
    : caption_(std::move(caption)), columns_(std::move(columns)) {}

// Roles are explicit because the style for narrow screens removes the implicit roles of the elements.
void HtmlTable::add_row(std::string_view head, const std::vector<std::string>& cells) {
  body_ += fmt::format(R"(<tr role="row">{})", head);
  for (std::size_t at = 0; at < cells.size(); ++at) {
    const HtmlColumn& column = columns_[at + 1];
    const std::string label = column.kind == ColumnKind::chart
                                  ? std::string()
                                  : fmt::format(R"( data-label="{}")", html_text(column.name));
    body_ += fmt::format(R"(<td role="cell"{}{}>{}</td>)", class_attribute(column.kind), label, cells[at]);
  }
  body_ += "</tr>\n";
  ++rows_;
}

void HtmlTable::add(const std::string& name, const std::vector<std::string>& cells) {
  add_row(R"(<th scope="row" role="rowheader">)" + name + "</th>", cells);
}

void HtmlTable::add_day(const std::string& day, const std::vector<std::string>& cells) {
  add_row(R"(<th scope="row" role="rowheader" class="day"><time>)" + day + "</time></th>", cells);
}

std::string HtmlTable::html() const {
  std::string out =
      fmt::format("<table role=\"table\"><caption>{}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
                  html_text(caption_));
  for (const HtmlColumn& column : columns_) {
    const std::string name = html_text(column.name);
    // The head of a column of charts is empty: the legend describes it.
    out +=
        column.kind == ColumnKind::chart
            ? fmt::format(R"(<th scope="col" role="columnheader" class="chart" aria-label="{}"></th>)", name)
            : fmt::format(R"(<th scope="col" role="columnheader"{}>{}</th>)", class_attribute(column.kind),
                          name);
  }
  return out + "</tr></thead>\n<tbody role=\"rowgroup\">\n" + body_ + "</tbody></table>\n";
}

void LongTable::add(const std::string& name, const std::vector<std::string>& cells) {
  (first_.rows() < max_open_rows ? first_ : rest_).add(name, cells);
}

std::string LongTable::html(std::size_t all, const std::string& one) const {
  if (first_.rows() == 0) return {};
  if (rest_.rows() == 0) return first_.html();
  const std::string rest = all > max_table_rows
                               ? fmt::format("The next {} of {}", rest_.rows(), counted(all, one))
                               : counted(rest_.rows(), "more " + one);
  return first_.html() + details_html(rest, rest_.html());
}

std::string grouped_count(std::uint64_t number, std::string_view one) {
  return fmt::format("{} {}{}", grouped_digits(number), one, number == 1 ? "" : "s");
}

std::string share_html(std::uint64_t part, std::uint64_t whole) {
  return escape_html(percent(part, whole));
}

std::string details_html(const std::string& what, const std::string& content) {
  return "<details><summary>" + html_text(what) + "</summary>\n" + content + "</details>\n";
}

}  // namespace starttls::report
