// Many rows in one statement.
#pragma once

#include <array>
#include <cstddef>

#include "base/result.h"
#include "base/try.h"
#include "postgres/postgres.h"

namespace starttls::postgres {

// Rows to add, column by column: the parameters of an INSERT ... SELECT FROM unnest($1::text[], $2::bigint[], ...).
// They are sent once there are many of them.
template <std::size_t Columns>
class Batch {
 public:
  static constexpr std::size_t max_rows = 5000;
  static constexpr std::size_t max_bytes = 1UL << 20U;

  Batch(Connection& connection, const char* sql) : connection_(connection), sql_(sql) {}

  template <class... Values>
  void add(const Values&... values) {
    static_assert(sizeof...(Values) == Columns);
    std::size_t column = 0;
    (columns_[column++].add(values), ...);
  }

  bool is_full() const {
    std::size_t bytes = 0;
    for (const Array& column : columns_) bytes += column.bytes();
    return columns_[0].size() >= max_rows || bytes >= max_bytes;
  }

  Result<void> flush() {
    if (columns_[0].empty()) return {};
    TRY(connection_.execute(sql_, take()));
    return {};
  }

  // The same, for a statement that returns rows.
  Result<void> flush(const RowSink& sink) {
    return columns_[0].empty() ? Result<void>() : connection_.read(sql_, take(), sink);
  }

 private:
  Parameters take() {
    Parameters parameters;
    for (Array& column : columns_) {
      parameters.add(column);
      column.clear();
    }
    return parameters;
  }

  Connection& connection_;
  const char* sql_;
  std::array<Array, Columns> columns_;
};

Array to_array(const auto& texts) {
  Array array;
  for (const std::string& text : texts) array.add(text);
  return array;
}

}  // namespace starttls::postgres
