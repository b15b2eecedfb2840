// What makes a database file one of ours, and how one comes to be.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>

#include "base/result.h"
#include "sqlite/sqlite.h"

namespace starttls::sqlite {

struct Schema {
  const char* kind = "";            // "a store of tlsrpt-milter", for error messages
  std::int64_t application_id = 0;  // PRAGMA application_id
  std::int64_t version = 0;         // PRAGMA user_version
  const char* statements = "";      // that make it
};

// A new file with this mode, whatever the umask; where root makes it, it belongs to whom its folder belongs
// to, so that the service that lives there can write it. It is made beside and linked into place, so that
// others find a whole database or none; one that another process has made meanwhile is left.
Result<void> create(const std::filesystem::path& file, const Schema& schema, mode_t mode);

// The same in a database that is open and empty.
Result<void> lay_out(Database& database, const Schema& schema);

enum class Standing { ours, newer, foreign };

// What the open database is. Errors as of sqlite.h.
Result<Standing> standing_of(Database& database, const Schema& schema);

// Fault::data where it is not Standing::ours, with the name of the file.
Result<void> check(Database& database, const Schema& schema, const std::filesystem::path& file);

}  // namespace starttls::sqlite
