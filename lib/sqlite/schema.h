// The schema of a database file: identifies the file, creates and upgrades it.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <span>

#include "base/result.h"
#include "sqlite/sqlite.h"

namespace starttls::sqlite {

struct Schema {
  const char* kind = "";            // "a store of tlsrpt-milter", for error messages
  std::int64_t application_id = 0;  // PRAGMA application_id
  std::int64_t version = 0;         // PRAGMA user_version
  const char* statements = "";      // that create it
  // [0] upgrades version 1 to version 2, and so on. None: each older version is as good as the present one.
  std::span<const char* const> upgrades;
};

// Creates a file with this mode, whatever the umask. A file that root creates gets the owner of its
// directory, so that the service there can write it. It is created under another name and linked into place,
// so that other processes see a whole database or none; one that another process created meanwhile is kept.
Result<void> create(const std::filesystem::path& file, const Schema& schema, mode_t mode);

// Creates the tables in a database that is open and empty.
Result<void> create_schema(Database& database, const Schema& schema);

// Upgrades an older version to the present one, step by step, all or nothing; does nothing for the present
// version. To be called before foreign keys are enforced, because tables may be created again.
Result<void> upgrade(Database& database, const Schema& schema);

enum class SchemaStatus {
  ours,
  older,  // with upgrades
  newer,
  foreign
};

// What the open database is. Errors as of sqlite.h.
Result<SchemaStatus> schema_status(Database& database, const Schema& schema);

// Fault::data where it is not SchemaStatus::ours, with the name of the file. A writer upgrades first.
Result<void> check(Database& database, const Schema& schema, const std::filesystem::path& file);

}  // namespace starttls::sqlite
