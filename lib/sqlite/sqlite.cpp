#include "sqlite/sqlite.h"

#include <sqlite3.h>

#include <cerrno>

#include "base/text.h"

namespace starttls::sqlite {
namespace {

Fault fault_of(int code) {
  switch (code & 0xFF) {  // the primary result code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return Fault::temporary;
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return Fault::permission;
    case SQLITE_IOERR:
    case SQLITE_FULL:
      return Fault::io;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return Fault::data;
    case SQLITE_CANTOPEN:
      return errno == EACCES || errno == EROFS ? Fault::permission : Fault::unavailable;
    default:
      return Fault::unavailable;
  }
}

std::unexpected<Error> error_of(sqlite3* handle) {
  const Fault fault = handle != nullptr ? fault_of(sqlite3_errcode(handle)) : Fault::unavailable;
  const char* file = handle != nullptr ? sqlite3_db_filename(handle, "main") : nullptr;
  const char* reason = handle != nullptr ? sqlite3_errmsg(handle) : "out of memory";
  const bool named = file != nullptr && *file != '\0';  // not where it is in memory
  return fail(fault, "{}: {}", named ? printable(file) : "database", reason);
}

int flags_of(Opening opening) {
  switch (opening) {
    case Opening::reading:
      return SQLITE_OPEN_READONLY;
    case Opening::unchanging:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    case Opening::writing:
      return SQLITE_OPEN_READWRITE;
    case Opening::creating:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  return SQLITE_OPEN_READONLY;
}

// https://www.sqlite.org/uri.html: what has a meaning in a URI is escaped.
std::string immutable_uri(const std::string& file) {
  std::string uri = "file:";
  for (const char c : file) {
    if (c == '%' || c == '?' || c == '#') {
      uri += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      uri += c;
    }
  }
  return uri + "?immutable=1";
}

}  // namespace

Statement::Statement(sqlite3_stmt* statement) : statement_(statement, &sqlite3_finalize) {}

Statement& Statement::bind(int parameter, std::string_view text) {
  // A failed bind (out of memory) shows as a constraint error at the step.
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind(int parameter, std::int64_t number) {
  sqlite3_bind_int64(statement_.get(), parameter, number);
  return *this;
}

Statement& Statement::bind_bytes(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bind_lent(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_lent_bytes(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  const int rc = sqlite3_step(statement_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return error_of(sqlite3_db_handle(statement_.get()));
}

Result<void> Statement::run() {
  for (;;) {
    const auto row = step();
    if (row && *row) continue;
    reset();
    if (!row) return std::unexpected(row.error());
    return {};
  }
}

void Statement::reset() {
  sqlite3_reset(statement_.get());
  sqlite3_clear_bindings(statement_.get());
}

bool Statement::is_null(int column) const {
  return sqlite3_column_type(statement_.get(), column) == SQLITE_NULL;
}

std::size_t Statement::size(int column) const {
  return static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
}

std::string Statement::text(int column) const {
  const auto* bytes = sqlite3_column_text(statement_.get(), column);
  if (bytes == nullptr) return {};
  return {reinterpret_cast<const char*>(bytes),
          static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column))};
}

std::int64_t Statement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

Database::Database(sqlite3* handle) : handle_(handle, &sqlite3_close_v2) {}

Result<Database> Database::open(const std::filesystem::path& file, Opening opening) {
  // Nobody asks SQLite how much memory it has in use, and counting costs a lock for each piece of it.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  sqlite3* handle = nullptr;
  const std::string name = opening == Opening::unchanging ? immutable_uri(file.string()) : file.string();
  errno = 0;
  const int rc = sqlite3_open_v2(name.c_str(), &handle, flags_of(opening) | SQLITE_OPEN_NOMUTEX, nullptr);
  Database database(handle);
  if (rc != SQLITE_OK) {
    return fail(fault_of(rc), "{}: {}", printable(file.string()), sqlite3_errstr(rc));
  }
  database.set_patience(std::chrono::seconds{5});
  return database;
}

Result<Database> Database::in_memory() {
  return open(":memory:", Opening::creating);
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return error_of(handle_.get());
  }
  return Statement(statement);
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return error_of(handle_.get());
  }
  return {};
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = prepare(sql);
  if (!statement) return std::unexpected(statement.error());
  const auto row = statement->step();
  if (!row) return std::unexpected(row.error());
  return *row ? statement->number(0) : 0;
}

bool Database::has_moved() {
  int moved = 0;
  return sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved != 0;
}

bool Database::is_read_only() const {
  return sqlite3_db_readonly(handle_.get(), "main") != 0;
}

bool Database::is_in_memory() const {
  const char* file = sqlite3_db_filename(handle_.get(), "main");
  return file == nullptr || *file == '\0';
}

std::int64_t Database::own_changes() const {
  return sqlite3_total_changes64(handle_.get());
}

void Database::set_patience(std::chrono::milliseconds patience) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(patience.count()));
}

Result<Transaction> Transaction::begin(Database& database, const std::string& kind) {
  if (auto begun = database.execute("BEGIN " + kind); !begun) return std::unexpected(begun.error());
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  if (auto done = database_->execute("COMMIT"); !done) return done;
  database_ = nullptr;
  return {};
}

}  // namespace starttls::sqlite
