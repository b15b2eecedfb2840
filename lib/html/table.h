// Tables of a page. On a narrow screen each row is a small block in which every figure has a label.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace starttls::html {

inline constexpr std::size_t max_open_rows = 10;
inline constexpr std::size_t max_table_rows = 100;

enum class ColumnKind { number, text, chart };

struct Column {
  std::string name;
  ColumnKind kind = ColumnKind::number;
};

class Table {
 public:
  // `columns` starts with the column of the rows' names.
  Table(std::string caption, std::vector<Column> columns);

  // `cells` are already HTML.
  void add(const std::string& name, const std::vector<std::string>& cells);
  // Adds a row about a day.
  void add_day(const std::string& day, const std::vector<std::string>& cells);

  std::size_t rows() const { return rows_; }
  std::string html() const;

  // The same in parts, for a table that need not be in memory as a whole: the beginning, the rows since the last call,
  // the end.
  std::string begin() const;
  std::string take_rows() { return std::exchange(body_, {}); }
  static std::string end();

 private:
  void add_row(std::string_view head, const std::vector<std::string>& cells);

  std::string caption_;
  std::vector<Column> columns_;
  std::string body_;
  std::size_t rows_ = 0;
};

// Shows the first rows, hides the next ones until the reader opens them, and omits those beyond
// max_table_rows.
class LongTable {
 public:
  LongTable(const std::string& caption, const std::vector<Column>& columns)
      : first_(caption, columns), rest_(caption + ", continued", columns) {}

  bool is_full() const { return first_.rows() + rest_.rows() == max_table_rows; }
  void add(const std::string& name, const std::vector<std::string>& cells);
  // `all`: the number of all rows; `one`: what one row is, "sender".
  std::string html(std::size_t all, const std::string& one) const;

 private:
  Table first_;
  Table rest_;
};

}  // namespace starttls::html
