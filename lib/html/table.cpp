#include "html/table.h"

#include <fmt/format.h>

#include <utility>

#include "base/counted.h"
#include "html/page.h"
#include "html/text.h"

namespace starttls::html {
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

Table::Table(std::string caption, std::vector<Column> columns)
    : caption_(std::move(caption)), columns_(std::move(columns)) {}

// Roles are explicit because the style for narrow screens removes the implicit roles of the elements.
void Table::add_row(std::string_view head, const std::vector<std::string>& cells) {
  body_ += fmt::format(R"(<tr role="row">{})", head);
  for (std::size_t at = 0; at < cells.size(); ++at) {
    const Column& column = columns_[at + 1];
    const std::string label = column.kind == ColumnKind::chart
                                  ? std::string()
                                  : fmt::format(R"( data-label="{}")", text(column.name));
    body_ += fmt::format(R"(<td role="cell"{}{}>{}</td>)", class_attribute(column.kind), label, cells[at]);
  }
  body_ += "</tr>\n";
  ++rows_;
}

void Table::add(const std::string& name, const std::vector<std::string>& cells) {
  add_row(R"(<th scope="row" role="rowheader">)" + name + "</th>", cells);
}

void Table::add_day(const std::string& day, const std::vector<std::string>& cells) {
  add_row(R"(<th scope="row" role="rowheader" class="day"><time>)" + day + "</time></th>", cells);
}

std::string Table::begin() const {
  std::string out =
      fmt::format("<table role=\"table\"><caption>{}</caption>\n<thead role=\"rowgroup\"><tr role=\"row\">",
                  text(caption_));
  for (const Column& column : columns_) {
    const std::string name = text(column.name);
    // The head of a column of charts is empty: the legend describes it.
    out +=
        column.kind == ColumnKind::chart
            ? fmt::format(R"(<th scope="col" role="columnheader" class="chart" aria-label="{}"></th>)", name)
            : fmt::format(R"(<th scope="col" role="columnheader"{}>{}</th>)", class_attribute(column.kind),
                          name);
  }
  return out + "</tr></thead>\n<tbody role=\"rowgroup\">\n";
}

std::string Table::end() {
  return "</tbody></table>\n";
}

std::string Table::html() const {
  return begin() + body_ + end();
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
  return first_.html() + details(rest, rest_.html());
}

}  // namespace starttls::html
