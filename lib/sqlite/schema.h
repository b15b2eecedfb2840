// What makes a database file one of ours, and how one comes to be.
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
  const char* statements = "";      // that make it
  // How an older one becomes the next: [0] makes version 2 of version 1, and so on. None: as it is, each
  // older version serves as well.
  std::span<const char* const> upgrades;
};

// A new file with this mode, whatever the umask; where root makes it, it belongs to whom its folder belongs
// to, so that the service that lives there can write it. It is made beside and linked into place, so that
// others find a whole database or none; one that another process has made meanwhile is left.
Result<void> create(const std::filesystem::path& file, const Schema& schema, mode_t mode);

// The same in a database that is open and empty.
Result<void> create_schema(Database& database, const Schema& schema);

// Makes an older version the present one, one step after the other, all or nothing; nothing is to be done for
// the present version. To be called before foreign keys are enforced, since tables may be made anew.
Result<void> upgrade(Database& database, const Schema& schema);

enum class SchemaStatus {
  ours,
  older,  // and there are upgrades
  newer,
  foreign
};

// What the open database is. Errors as of sqlite.h.
Result<SchemaStatus> schema_status(Database& database, const Schema& schema);

// Fault::data where it is not SchemaStatus::ours, with the name of the file. Who can write upgrades first.
Result<void> check(Database& database, const Schema& schema, const std::filesystem::path& file);

}  // namespace starttls::sqlite
