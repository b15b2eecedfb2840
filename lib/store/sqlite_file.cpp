#include "store/sqlite_file.h"

#include <sys/types.h>

#include <system_error>
#include <utility>

namespace starttls::store {
namespace {

constexpr std::uintmax_t max_log_bytes = 4 << 20;  // as SQLite's own default

// The same users may read the store and the journal.
constexpr mode_t store_mode = 0640;

}  // namespace

SqliteFile::SqliteFile(sqlite::Database database, const std::filesystem::path& file)
    : database_(std::move(database)), log_(file.string() + "-wal"), damage_(file) {}

Result<SqliteFile> SqliteFile::open(const std::filesystem::path& file, const sqlite::Schema& schema,
                                    Access access) {
  std::error_code ignored;
  if (access == Access::owner && !std::filesystem::exists(file, ignored)) {
    TRY(sqlite::create(file, schema, store_mode));
  }
  const auto opening = access == Access::read ? sqlite::OpenMode::read_only : sqlite::OpenMode::read_write;
  auto database = TRY(sqlite::Database::open(file, opening));
  if (access == Access::owner) {
    TRY(sqlite::upgrade(database, schema));
  }
  TRY(sqlite::check(database, schema, file));
  if (access != Access::read) {
    // WAL: readers never wait for the fold. FULL: a commit is on the disk before the segment is unlinked. The
    // store starts its checkpoints itself. After a checkpoint the log starts again at its true size.
    TRY(
        database.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; "
                         "PRAGMA wal_autocheckpoint = 0; PRAGMA journal_size_limit = 0"));
    database.persist_wal();
  }
  return SqliteFile(std::move(database), file);
}

Result<sqlite::Transaction> SqliteFile::begin() {
  if (database_.has_moved()) return fail(Fault::unavailable, "the store's file was removed");
  TRY(damage_.check());
  TRY(checkpoint());
  return sqlite::Transaction::begin(database_, "IMMEDIATE");
}

// Copies commits from SQLite's log into the file. Nothing else changes the file while it is open, so any
// other change was made by another program.
Result<void> SqliteFile::checkpoint() {
  std::error_code none;
  const auto size = std::filesystem::file_size(log_, none);
  if (none || size < max_log_bytes) return {};
  auto done = database_.execute("PRAGMA wal_checkpoint(PASSIVE)");
  damage_.remember();
  return done;
}

Result<bool> has_segment(sqlite::Database& database, const std::string& segment) {
  auto statement = TRY(database.prepare("SELECT 1 FROM folded_segments WHERE id = ?1"));
  return statement.bind(1, segment).step();
}

}  // namespace starttls::store
