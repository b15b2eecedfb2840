// The file of an embedded store: one process writes it, others read it meanwhile.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "base/result.h"
#include "base/try.h"
#include "sqlite/schema.h"
#include "sqlite/sqlite.h"
#include "store/sqlite_damage.h"
#include "store/store.h"

namespace starttls::store {

class SqliteFile {
 public:
  // Errors as of open_sqlite_store().
  static Result<SqliteFile> open(const std::filesystem::path& file, const sqlite::Schema& schema,
                                 Access access);

  sqlite::Database& database() { return database_; }

  // Begins to write. Fault::unavailable where the file was removed, Fault::data where another program has
  // damaged it.
  Result<sqlite::Transaction> begin();

 private:
  SqliteFile(sqlite::Database database, const std::filesystem::path& file);
  Result<void> checkpoint();

  sqlite::Database database_;
  std::filesystem::path log_;
  DamageDetector damage_;
};

// Calls `take` with each row.
template <class Take>
Result<void> for_each_row(sqlite::Statement& rows, Take take) {
  for (;;) {
    const auto row = TRY(rows.step());
    if (!row) return {};
    if (Result<void> taken = take(rows); !taken) return taken;
  }
}

// Whether the table folded_segments has this id.
Result<bool> has_segment(sqlite::Database& database, const std::string& segment);

}  // namespace starttls::store
