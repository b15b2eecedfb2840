// Tables of the page. On a narrow screen each row is a small block in which every figure has a label.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace starttls::report {

inline constexpr std::size_t max_open_rows = 10;
inline constexpr std::size_t max_table_rows = 100;

enum class ColumnKind { number, text, chart };

struct HtmlColumn {
  std::string name;
  ColumnKind kind = ColumnKind::number;
};

class HtmlTable {
 public:
  // `columns` starts with the column of the rows' names.
  HtmlTable(std::string caption, std::vector<HtmlColumn> columns);

  // `cells` are already HTML.
  void add(const std::string& name, const std::vector<std::string>& cells);
  // Adds a row about a day.
  void add_day(const std::string& day, const std::vector<std::string>& cells);

  std::size_t rows() const { return rows_; }
  std::string html() const;

 private:
  void add_row(std::string_view head, const std::vector<std::string>& cells);

  std::string caption_;
  std::vector<HtmlColumn> columns_;
  std::string body_;
  std::size_t rows_ = 0;
};

// Shows the first rows, hides the next ones until the reader opens them, and omits those beyond
// max_table_rows.
class LongTable {
 public:
  LongTable(const std::string& caption, const std::vector<HtmlColumn>& columns)
      : first_(caption, columns), rest_(caption + ", continued", columns) {}

  bool is_full() const { return first_.rows() + rest_.rows() == max_table_rows; }
  void add(const std::string& name, const std::vector<std::string>& cells);
  // `all`: the number of all rows; `one`: what one row is, "sender".
  std::string html(std::size_t all, const std::string& one) const;

 private:
  HtmlTable first_;
  HtmlTable rest_;
};

// "1,234 sessions"
std::string grouped_count(std::uint64_t number, std::string_view one);

// percent(), for a cell.
std::string share_html(std::uint64_t part, std::uint64_t whole);

// Folded content, with its title.
std::string details_html(const std::string& what, const std::string& content);

}  // namespace starttls::report
