// What makes a PostgreSQL database one of ours, and how it comes to be. Several hosts may do so at once.
#pragma once

#include <cstdint>
#include <span>

#include "base/result.h"
#include "postgres/postgres.h"

namespace starttls::postgres {

struct Schema {
  const char* kind = "";        // "a store of tlsrpt-milter", for error messages
  const char* table = "";       // its one row has the version; made here
  std::int64_t version = 0;     // of today
  const char* statements = "";  // that make it
  // How an older one becomes the next: [0] makes version 2 of version 1, and so on.
  std::span<const char* const> upgrades;
};

// Makes it where the database has none, and today's version of an older one, all or nothing. Fault::data
// where it was made by a newer version, or other tables have the names.
Result<void> prepare(Connection& connection, const Schema& schema);

// Fault::data where it is not there in today's version. Who can write prepares it.
Result<void> check(Connection& connection, const Schema& schema);

}  // namespace starttls::postgres
