// The schema of a PostgreSQL database: identifies the tables, creates and upgrades them. Several hosts may do
// so at once.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "postgres/postgres.h"

namespace starttls::postgres {

struct Schema {
  const char* kind = "";        // "a store of tlsrpt-milter", for error messages
  const char* table = "";       // its one row has the version; created here
  std::int64_t version = 0;     // of today
  const char* statements = "";  // that create it
  // [0] upgrades version 1 to version 2, and so on.
  std::span<const char* const> upgrades;
};

// Creates the tables where the database has none, and upgrades those of an older version, all or nothing.
// Fault::data where they are of a newer version, or other tables have the names.
Result<void> prepare(Connection& connection, const Schema& schema);

// Fault::data where the tables of the present version are not there. A writer calls prepare().
Result<void> check(Connection& connection, const Schema& schema);

}  // namespace starttls::postgres
