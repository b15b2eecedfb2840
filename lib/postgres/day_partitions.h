// Tables with a partition for each day: an old day is dropped, not deleted row by row.
//
// Such a table is made with PARTITION BY LIST (day); `day` is its first column, days since 1970-01-01. Its partition of
// a day has the name that partition_of() returns. Neither a fold nor a reader waits while a partition is made.
#pragma once

#include <cstddef>
#include <cstdint>
#include <set>
#include <span>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "postgres/postgres.h"

namespace starttls::postgres {

struct DayTable {
  const char* name = "";
  const char* options = "";  // of its partitions, as in CREATE TABLE: "WITH (fillfactor = 50)"
};

// "TABLE_20786"
std::string partition_of(const DayTable& table, Day day);

// For a transaction, before it uses one of the tables: makes the partitions that are missing, and keeps all of them from
// being dropped until its end. The isolation level must be READ COMMITTED. The order of the tables must be the same in
// the whole program.
Result<void> ensure_partitions(Connection& connection, std::span<const DayTable> tables,
                               const std::set<Day>& days);

struct DroppedDays {
  std::size_t days = 0;
  std::int64_t rows = 0;  // of all tables
};

// Drops the partitions of the days before, each day in a transaction of its own; tables in the order of
// ensure_partitions(). Days that somebody uses for longer than max_drop_wait, and all days while another host drops
// some, stay for the next time.
Result<DroppedDays> drop_partitions(Connection& connection, std::span<const DayTable> tables, Day before);

}  // namespace starttls::postgres
