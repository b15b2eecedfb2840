// The cache's tables in an open database.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>
#include <vector>

#include "mtastsdb/cache.h"
#include "mtastsdb/cache_row.h"
#include "sqlite/schema.h"
#include "sqlite/sqlite.h"

namespace starttls::mtastsdb {

const sqlite::Schema& cache_schema();

// Errors as of sqlite/sqlite.h. Invalid rows are ignored.
class CacheTable {
 public:
  // An error where the tables differ from the schema. Those of an older version can be read.
  static Result<CacheTable> in(sqlite::Database database);

  Result<std::optional<CacheRow>> find(std::string_view domain);
  // Also updates policies_version, in the same transaction. Fault::unavailable where there are `max`
  // domains already.
  Result<void> keep(const CacheEntry& entry, Time now, std::size_t max);
  Result<bool> remove(std::string_view domain);
  Result<std::size_t> remove_all();
  Result<void> each(const std::function<void(const CacheEntry&)>& see);
  Result<std::vector<DomainName>> due(Time now, std::size_t max);
  Result<void> tidy(Time now, std::size_t max);
  Result<std::int64_t> policies_version();
  // Changes with every change by others.
  Result<std::int64_t> data_version();

  // Copies what can be read from another table, starting from both ends, as there may be damage in the
  // middle. Returns the number of domains that this table then has.
  Result<std::size_t> take_over(CacheTable& other, Time now, std::size_t max);

  sqlite::Database& database() { return database_; }

 private:
  CacheTable(sqlite::Database database, std::vector<sqlite::Statement> statements);
  sqlite::Statement& statement(std::size_t which) { return statements_[which]; }

  // The present mta_view() of the domain; "" where there is no valid policy.
  Result<std::string> current_mta_view(std::string_view domain, Time now);
  Result<void> write(const CacheEntry& entry, Time now, std::size_t max);
  Result<void> make_room(Time now, std::size_t max);
  Result<void> make_room_for_failure(Time now, std::size_t max);
  Result<void> drop_some(std::string_view which, Time now, std::int64_t max);
  Result<void> drop_failing(Time now, std::int64_t max);
  std::size_t max_bytes() const;
  Result<bool> is_full(std::size_t max);
  Result<bool> read_end(CacheTable& from, std::string_view order, Time now, std::size_t max);

  sqlite::Database database_;
  std::vector<sqlite::Statement> statements_;
};

}  // namespace starttls::mtastsdb
