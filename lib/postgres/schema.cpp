#include "postgres/schema.h"

#include <chrono>
#include <string>

#include "base/newer_format.h"
#include "base/try.h"

namespace starttls::postgres {
namespace {

constexpr std::int64_t no_version = 0;

// Two hosts may create or upgrade the tables at the same moment. The slower one fails, and finds complete
// tables when it tries again.
constexpr int tries = 3;

// An upgrade may copy a large store, and waits for another host that does so.
constexpr std::chrono::hours max_upgrade_statement{1};

Result<std::int64_t> read_version(Connection& connection, const Schema& schema) {
  const auto tables = TRY(
      connection.number("SELECT count(*) WHERE to_regclass($1) IS NOT NULL", Parameters().add(schema.table)));
  if (tables == 0) return no_version;
  return connection.number(fmt::format("SELECT version FROM {}", schema.table));
}

std::unexpected<Error> newer(std::int64_t found, const Connection& connection, const Schema& schema) {
  return made_by_newer_version(connection.name(), schema.kind, fmt::format("schema {}", found),
                               fmt::format("schema {}", schema.version));
}

Result<void> make(Connection& connection, const Schema& schema) {
  auto transaction = TRY(Transaction::begin(connection));
  auto done =
      connection.execute(fmt::format("CREATE TABLE {0} (version INTEGER NOT NULL);"
                                     "INSERT INTO {0} VALUES ({1})",
                                     schema.table, schema.version));
  if (done) done = connection.execute(schema.statements);
  if (!done) return done;
  return transaction.commit();
}

Result<void> upgrade(Connection& connection, const Schema& schema) {
  auto transaction = TRY(Transaction::begin(connection));
  TRY(transaction.set_statement_limit(max_upgrade_statement));
  // Folds lock this row, too: each finishes with the old version first, or sees the new one.
  const auto found = TRY(connection.number(fmt::format("SELECT version FROM {} FOR UPDATE", schema.table)));
  if (found > schema.version) return newer(found, connection, schema);
  for (auto version = found; version < schema.version; ++version) {
    TRY(connection.execute(schema.upgrades[static_cast<std::size_t>(version - 1)]));
  }
  TRY(connection.execute(fmt::format("UPDATE {} SET version = {}", schema.table, schema.version)));
  return transaction.commit();
}

}  // namespace

Result<void> prepare(Connection& connection, const Schema& schema) {
  for (int left = tries;; --left) {
    const auto version = TRY(read_version(connection, schema));
    if (version == schema.version) return {};
    if (version > schema.version) return newer(version, connection, schema);
    const auto done = version == no_version ? make(connection, schema) : upgrade(connection, schema);
    if (done) return {};
    if (done.error().fault != Fault::temporary || !connection.is_alive()) return done;
    if (left > 0) continue;
    if (version != no_version) return done;
    // The failure repeats, so the existing objects with these names are not ours.
    return fail(Fault::data, "{}: {} cannot be made there", done.error().message, schema.kind);
  }
}

Result<void> check(Connection& connection, const Schema& schema) {
  const auto version = TRY(read_version(connection, schema));
  if (version == no_version) return fail(Fault::data, "{}: not {}", connection.name(), schema.kind);
  if (version > schema.version) return newer(version, connection, schema);
  if (version < schema.version) {
    return fail(Fault::data,
                "{}: {} made by an older version, and not upgraded yet: the program that writes it does that",
                connection.name(), schema.kind);
  }
  return {};
}

}  // namespace starttls::postgres
