// SQLite, as far as the store needs it: owned handles, bound values, errors as values.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::store::sqlite {

class Database;

// A prepared statement; columns and parameters are counted as in SQLite (columns from 0, parameters from 1).
class Statement {
 public:
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::int64_t number);

  // true: there is a row; false: done.
  Result<bool> step();
  // Steps to the end, passing over rows, and makes the statement ready to be bound again.
  Result<void> run();
  void reset();

  std::string text(int column) const;
  std::int64_t number(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement) : statement_(statement, &sqlite3_finalize) {}
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

class Database {
 public:
  // `flags` as in sqlite3_open_v2(). Other connections are waited for, five seconds at most.
  static Result<Database> open(const std::filesystem::path& file, int flags);

  Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters.
  Result<void> execute(const std::string& sql);
  Result<std::int64_t> number(std::string_view sql);
  // Whether the file was removed or renamed since it was opened: what is written now would be lost.
  bool has_moved();

 private:
  explicit Database(sqlite3* handle) : handle_(handle, &sqlite3_close_v2) {}
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
};

// Rolls back unless it was committed.
class Transaction {
 public:
  static Result<Transaction> begin(Database& database, const std::string& kind);
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  Transaction(const Transaction&) = delete;
  Transaction& operator=(const Transaction&) = delete;
  ~Transaction();

  Result<void> commit();

 private:
  explicit Transaction(Database& database) : database_(&database) {}
  Database* database_;
};

}  // namespace starttls::store::sqlite
