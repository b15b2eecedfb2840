#include "postgres/day_partitions.h"

#include <chrono>
#include <vector>

#include "base/try.h"
#include "postgres/batch.h"

namespace starttls::postgres {
namespace {

// The numbers of locks of this program. Hosts make partitions one after the other.
constexpr const char* lock_making = "SELECT pg_advisory_xact_lock(1398031183)";
constexpr const char* try_lock_dropping = "SELECT pg_try_advisory_xact_lock(1398031184)::integer";

// Who wants to use a table while its partition is to be dropped waits, too, and therefore not for long.
constexpr std::chrono::milliseconds max_drop_wait{1000};

std::string list_of(std::span<const DayTable> tables, const char* before_each) {
  std::string list;
  for (const DayTable& table : tables)
    list += fmt::format("{}{}{}", list.empty() ? "" : ", ", before_each, table.name);
  return list;
}

std::string partitions_of(std::span<const DayTable> tables, Day day) {
  std::string list;
  for (const DayTable& table : tables) list += (list.empty() ? "" : ", ") + partition_of(table, day);
  return list;
}

std::int64_t to_number(Day day) {
  return day.time_since_epoch().count();
}

struct Partition {
  DayTable table;
  Day day;
};

Result<std::vector<Partition>> missing_partitions(Connection& connection, std::span<const DayTable> tables,
                                                  const std::set<Day>& days) {
  std::vector<Partition> wanted;
  Array parents;
  Array names;
  for (const Day day : days) {
    for (const DayTable& table : tables) {
      wanted.push_back({.table = table, .day = day});
      parents.add(table.name);
      names.add(partition_of(table, day));
    }
  }
  std::vector<Partition> missing;
  // to_regclass() of the partition could miss one that was made while we waited for a lock.
  TRY(connection.read(
      "SELECT number - 1 FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS wanted (parent, name, "
      "number) "
      "WHERE NOT EXISTS (SELECT FROM pg_inherits AS i JOIN pg_class AS c ON c.oid = i.inhrelid "
      "WHERE i.inhparent = to_regclass(wanted.parent) AND c.relname = wanted.name) ORDER BY number",
      Parameters().add(parents).add(names), [&](const Row& row) -> Result<void> {
        missing.push_back(wanted.at(static_cast<std::size_t>(row.number(0))));
        return {};
      }));
  return missing;
}

// CREATE TABLE ... PARTITION OF would wait for all readers of the table, and make others wait.
Result<void> make(Connection& connection, const Partition& partition) {
  const auto& [table, day] = partition;
  return connection.execute(
      fmt::format("CREATE TABLE {0} (LIKE {1} INCLUDING ALL) {2};"
                  "ALTER TABLE {1} ATTACH PARTITION {0} FOR VALUES IN ({3})",
                  partition_of(table, day), table.name, table.options, to_number(day)));
}

Result<std::set<Day>> days_before(Connection& connection, std::span<const DayTable> tables, Day before) {
  Array names;
  for (const DayTable& table : tables) names.add(table.name);
  std::set<Day> days;
  TRY(
      connection.read("SELECT substr(partition.relname, length(parent.relname) + 2) FROM pg_inherits AS i "
                      "JOIN pg_class AS partition ON partition.oid = i.inhrelid "
                      "JOIN pg_class AS parent ON parent.oid = i.inhparent "
                      "WHERE parent.oid IN (SELECT to_regclass(name) FROM unnest($1::text[]) AS name) "
                      "AND partition.relname ~ ('^' || parent.relname || '_[0-9]{1,9}$')",
                      Parameters().add(names), [&](const Row& row) -> Result<void> {
                        const Day day{std::chrono::days{row.number(0)}};
                        if (day < before) days.insert(day);
                        return {};
                      }));
  return days;
}

Result<std::int64_t> count_rows(Connection& connection, std::span<const DayTable> tables, Day day) {
  std::int64_t rows = 0;
  for (const DayTable& table : tables) {
    rows += TRY(connection.number(fmt::format("SELECT count(*) FROM {} WHERE day = $1", table.name),
                                  Parameters().add(to_number(day))));
  }
  return rows;
}

// Returns whether it dropped it: another host may have been faster.
Result<bool> drop(Connection& connection, std::span<const DayTable> tables, Day day, DroppedDays& dropped) {
  auto transaction = TRY(Transaction::begin(connection, "ISOLATION LEVEL READ COMMITTED"));
  if (TRY(connection.number(try_lock_dropping)) == 0) return false;
  if (!TRY(days_before(connection, tables, day + std::chrono::days{1})).contains(day)) return false;
  const auto rows = TRY(count_rows(connection, tables, day));
  TRY(connection.execute(fmt::format("SET LOCAL lock_timeout = {}; DROP TABLE IF EXISTS {}",
                                     max_drop_wait.count(), partitions_of(tables, day))));
  TRY(transaction.commit());
  ++dropped.days;
  dropped.rows += rows;
  return true;
}

}  // namespace

std::string partition_of(const DayTable& table, Day day) {
  return fmt::format("{}_{}", table.name, to_number(day));
}

Result<void> ensure_partitions(Connection& connection, std::span<const DayTable> tables,
                               const std::set<Day>& days) {
  if (days.empty()) return {};
  // This lock allows everything but dropping. Hosts that wait for the one that makes partitions have it already: so
  // nobody who drops comes between.
  TRY(connection.execute(fmt::format("LOCK TABLE {} IN ROW EXCLUSIVE MODE", list_of(tables, "ONLY "))));
  if (TRY(missing_partitions(connection, tables, days)).empty()) return {};
  TRY(connection.execute(lock_making));
  for (const Partition& partition : TRY(missing_partitions(connection, tables, days)))
    TRY(make(connection, partition));
  return {};
}

Result<DroppedDays> drop_partitions(Connection& connection, std::span<const DayTable> tables, Day before) {
  DroppedDays dropped;
  for (const Day day : TRY(days_before(connection, tables, before))) {
    const auto done = drop(connection, tables, day, dropped);
    if (done && *done) continue;
    if (done || (done.error().fault == Fault::temporary && connection.is_alive())) break;
    return std::unexpected(done.error());
  }
  return dropped;
}

}  // namespace starttls::postgres
