// SQLite, as far as the project needs it: owned handles, bound values, errors as values. Nothing outside this
// component includes SQLite.
//
// An error names the file and has SQLite's own message. Fault::data: the file is damaged or no database;
// Fault::permission; Fault::io: the disk is full or fails; Fault::temporary: other processes have it locked
// for too long; else Fault::unavailable. A database, and what SQLite keeps beside it, is a regular file:
// anything else is rejected without waiting for it.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace starttls::sqlite {

class Database;

// A prepared statement; columns and parameters are counted as in SQLite (columns from 0, parameters from 1).
class Statement {
 public:
  // The text is copied.
  Statement& bind(int parameter, std::string_view text);
  Statement& bind(int parameter, std::int64_t number);
  Statement& bind_bytes(int parameter, std::string_view bytes);
  // Not copied: they must stay as they are until the statement has run.
  Statement& bind_view(int parameter, std::string_view text);
  Statement& bind_bytes_view(int parameter, std::string_view bytes);

  // true: there is a row; false: done.
  Result<bool> step();
  // Steps to the end, ignoring rows, and makes the statement ready to be bound again.
  Result<void> run();
  // Ready for the next run; parameters that are not bound are NULL.
  void reset();

  bool is_null(int column) const;
  std::size_t size(int column) const;  // bytes, as text
  std::string text(int column) const;  // "" for NULL; bytes, where that is what was bound
  std::int64_t number(int column) const;

 private:
  friend class Database;
  explicit Statement(sqlite3_stmt* statement);
  std::unique_ptr<sqlite3_stmt, int (*)(sqlite3_stmt*)> statement_;
};

enum class OpenMode {
  read_only,
  read_write,  // an existing file; also where it then turns out that it can only be read
  create,      // as read_write; creates the file where there is none
  immutable,   // read_only, for a file that nobody writes: without locks, and without any file beside it
};

class Database {
 public:
  // Waits for other connections, at most five seconds. May be used by any thread, one at a time. Root
  // follows links on the path to the file as described in directory.h.
  static Result<Database> open(const std::filesystem::path& file, OpenMode opening);
  // Exists as long as the handle.
  static Result<Database> in_memory();

  Result<Statement> prepare(std::string_view sql);
  // One or more statements without parameters.
  Result<void> execute(const std::string& sql);
  Result<std::int64_t> number(std::string_view sql);
  // Whether the file was removed or renamed since it was opened: what is written now would be lost.
  bool has_moved();
  // In mode WAL: the log and its index stay beside the file when the last connection is closed. Users who may
  // only read could not make them, and without them SQLite reads nothing.
  void persist_wal();
  bool is_read_only() const;
  bool is_in_memory() const;
  // Rows that this connection has inserted, updated or deleted.
  std::int64_t total_changes() const;
  // The rowid of the row that this connection has inserted last.
  std::int64_t last_inserted_row() const;
  // What a file of this database would hold.
  Result<std::string> image();
  // How long to wait for other connections.
  void set_busy_timeout(std::chrono::milliseconds patience);

 private:
  explicit Database(sqlite3* handle);
  std::unique_ptr<sqlite3, int (*)(sqlite3*)> handle_;
};

// Rolls back unless it was committed.
class Transaction {
 public:
  // `kind`: "DEFERRED", "IMMEDIATE".
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

}  // namespace starttls::sqlite
