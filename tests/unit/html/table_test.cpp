#include "html/table.h"

#include "support.h"

using namespace starttls;
using html::Table;

namespace {

Table table_of(int rows) {
  Table table("Domains & hosts", {{"Name"}, {"Number"}, {"Words", html::ColumnKind::text}});
  for (int row = 0; row < rows; ++row) table.add("n" + std::to_string(row), {"1", "two"});
  return table;
}

}  // namespace

TEST_CASE("each figure of a row has the name of its column, for narrow screens") {
  const std::string html = table_of(1).html();
  CHECK(html.contains("<caption>Domains &amp; hosts</caption>"));
  CHECK(html.contains(R"(<th scope="row" role="rowheader">n0</th><td role="cell" data-label="Number">1</td>)"
                      R"(<td role="cell" class="text" data-label="Words">two</td></tr>)"));
}

TEST_CASE("a table in parts is the same as in one piece") {
  Table table("Domains & hosts", {{"Name"}, {"Number"}, {"Words", html::ColumnKind::text}});
  std::string parts = table.begin();
  for (int row = 0; row < 5; ++row) {
    table.add("n" + std::to_string(row), {"1", "two"});
    if (row % 2 == 1) parts += table.take_rows();
  }
  parts += table.take_rows() + Table::end();
  CHECK(parts == table_of(5).html());
  CHECK(table.rows() == 5);
}

TEST_CASE("a long table shows its first rows, folds the next ones and says how many there are") {
  const std::vector<html::Column> columns{{"Name"}, {"Number"}};
  const auto of = [&columns](std::size_t rows) {
    html::LongTable table("Names", columns);
    for (std::size_t row = 0; row < rows && !table.is_full(); ++row) table.add("n", {"1"});
    return table.html(rows, "name");
  };
  CHECK(of(0).empty());
  CHECK_FALSE(of(html::max_open_rows).contains("<details>"));
  CHECK(of(12).contains("<details><summary>2 more names</summary>"));
  CHECK(of(500).contains("<summary>The next 90 of 500 names</summary>"));
}
