#include "sqlite/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::sqlite {
namespace {

constexpr const char* in_memory_name = ":memory:";

Fault to_fault(int code) {
  switch (code & 0xFF) {  // the primary result code
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:  // in mode WAL: it tried for ten seconds to begin a transaction
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

std::unexpected<Error> make_error(sqlite3* handle) {
  const Fault fault = handle != nullptr ? to_fault(sqlite3_errcode(handle)) : Fault::unavailable;
  const char* file = handle != nullptr ? sqlite3_db_filename(handle, "main") : nullptr;
  const char* reason = handle != nullptr ? sqlite3_errmsg(handle) : "out of memory";
  const bool named = file != nullptr && *file != '\0';  // false for a database in memory
  return fail(fault, "{}: {}", named ? printable(file) : "database", reason);
}

int open_flags(OpenMode opening) {
  switch (opening) {
    case OpenMode::read_only:
      return SQLITE_OPEN_READONLY;
    case OpenMode::immutable:
      return SQLITE_OPEN_READONLY | SQLITE_OPEN_URI;
    case OpenMode::read_write:
      return SQLITE_OPEN_READWRITE;
    case OpenMode::create:
      return SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
  }
  return SQLITE_OPEN_READONLY;
}

// https://www.sqlite.org/uri.html: characters with a meaning in a URI are escaped.
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

// As open(2), but for regular files only. O_CREAT takes two steps, so another process may create or remove the
// file between them (the last connection removes -wal and -shm while another opens them): then both are tried
// again. SQLite would take an error here for a database that it may only read.
UniqueFd open_or_create(const char* path, int flags, int mode) {
  constexpr int always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  constexpr int tries = 100;
  const bool may_create = (flags & O_CREAT) != 0;
  const bool must_create = (flags & O_EXCL) != 0;
  UniqueFd fd;
  for (int i = 0; i < tries; ++i) {
    if (!must_create) fd = open_regular(AT_FDCWD, path, flags & ~(O_CREAT | O_EXCL));
    if (fd || !may_create || (!must_create && errno != ENOENT)) break;
    fd = UniqueFd(::open(path, flags | O_CREAT | O_EXCL | always, mode));
    if (fd || must_create || errno != EEXIST) break;
  }
  return fd;
}

// Replaces SQLite's open(2), for the database and the files beside it. It opens only regular files, which
// never block, and a directory to sync it. As root it does not write a file with several hard links: another
// user may have created one of them, in a directory of that user, for a file of root's.
int open_for_sqlite(const char* path, int flags, int mode) {
  constexpr int always = O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  const int creating = flags & (O_CREAT | O_EXCL);
  UniqueFd fd = open_or_create(path, flags, mode);
  if (!fd && creating == 0 && errno == ENOTSUP && (flags & O_ACCMODE) == O_RDONLY)
    fd = UniqueFd(::open(path, O_RDONLY | O_DIRECTORY | always));
  struct stat info{};
  const bool is_written = (flags & O_ACCMODE) != O_RDONLY;
  if (fd && is_written && ::geteuid() == 0 && ::fstat(fd.get(), &info) == 0 && info.st_nlink > 1) {
    fd.reset();
    errno = EMLINK;
  }
  return fd.release();
}

// The path that root opens. It contains no symbolic links of other users.
Result<std::string> path_for_root(const std::filesystem::path& file) {
  const auto entry = find_entry(file);
  if (!entry) return fail(Fault::unavailable, "{}", entry.error().message);
  std::error_code error;
  const auto directory =
      std::filesystem::read_symlink(fmt::format("/proc/self/fd/{}", entry->directory.fd()), error);
  if (error) return file.string();
  return (directory / entry->name).string();
}

int use_own_open() {
  sqlite3_vfs* const vfs = sqlite3_vfs_find(nullptr);
  if (vfs == nullptr || vfs->iVersion < 3) return SQLITE_ERROR;
  return vfs->xSetSystemCall(vfs, "open", reinterpret_cast<sqlite3_syscall_ptr>(&open_for_sqlite));
}

}  // namespace

Statement::Statement(sqlite3_stmt* statement) : statement_(statement, &sqlite3_finalize) {}

Statement& Statement::bind(int parameter, std::string_view text) {
  // A failed bind (out of memory) is reported as a constraint error by the step.
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

Statement& Statement::bind_view(int parameter, std::string_view text) {
  sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
  return *this;
}

Statement& Statement::bind_bytes_view(int parameter, std::string_view bytes) {
  sqlite3_bind_blob64(statement_.get(), parameter, bytes.data(), bytes.size(), SQLITE_STATIC);
  return *this;
}

Result<bool> Statement::step() {
  const int rc = sqlite3_step(statement_.get());
  if (rc == SQLITE_ROW) return true;
  if (rc == SQLITE_DONE) return false;
  return make_error(sqlite3_db_handle(statement_.get()));
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

Result<Database> Database::open(const std::filesystem::path& file, OpenMode opening) {
  // We do not use SQLite's count of its memory, which costs a lock for each allocation.
  [[maybe_unused]] static const int uncounted = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  [[maybe_unused]] static const int guarded = use_own_open();
  if (const std::string_view why = irregular_file_type(file); !why.empty())
    return fail(Fault::unavailable, "{}: {}", printable(file.string()), why);
  const bool guards_links = ::geteuid() == 0 && file != in_memory_name;
  const auto path = TRY(guards_links ? path_for_root(file) : file.string());
  sqlite3* handle = nullptr;
  const std::string name = opening == OpenMode::immutable ? immutable_uri(path) : path;
  const int flags = open_flags(opening) | SQLITE_OPEN_NOMUTEX | (guards_links ? SQLITE_OPEN_NOFOLLOW : 0);
  errno = 0;
  const int rc = sqlite3_open_v2(name.c_str(), &handle, flags, nullptr);
  Database database(handle);
  if (rc != SQLITE_OK) {
    return fail(to_fault(rc), "{}: {}", printable(file.string()), sqlite3_errstr(rc));
  }
  database.set_busy_timeout(std::chrono::seconds{5});
  return database;
}

Result<Database> Database::in_memory() {
  return open(in_memory_name, OpenMode::create);
}

Result<std::string> Database::image() {
  sqlite3_int64 size = 0;
  const std::unique_ptr<unsigned char, void (*)(void*)> bytes(
      sqlite3_serialize(handle_.get(), "main", &size, 0), &sqlite3_free);
  if (!bytes) return make_error(handle_.get());
  return std::string(reinterpret_cast<const char*>(bytes.get()), static_cast<std::size_t>(size));
}

Result<Statement> Database::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) !=
      SQLITE_OK) {
    return make_error(handle_.get());
  }
  return Statement(statement);
}

Result<void> Database::execute(const std::string& sql) {
  if (sqlite3_exec(handle_.get(), sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) {
    return make_error(handle_.get());
  }
  return {};
}

Result<std::int64_t> Database::number(std::string_view sql) {
  auto statement = TRY(prepare(sql));
  const auto row = TRY(statement.step());
  return row ? statement.number(0) : 0;
}

bool Database::has_moved() {
  int moved = 0;
  return sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_HAS_MOVED, &moved) == SQLITE_OK &&
         moved != 0;
}

void Database::persist_wal() {
  int keep = 1;
  (void)sqlite3_file_control(handle_.get(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

bool Database::is_read_only() const {
  return sqlite3_db_readonly(handle_.get(), "main") != 0;
}

bool Database::is_in_memory() const {
  const char* file = sqlite3_db_filename(handle_.get(), "main");
  return file == nullptr || *file == '\0';
}

std::int64_t Database::total_changes() const {
  return sqlite3_total_changes64(handle_.get());
}

std::int64_t Database::last_inserted_row() const {
  return sqlite3_last_insert_rowid(handle_.get());
}

void Database::set_busy_timeout(std::chrono::milliseconds patience) {
  sqlite3_busy_timeout(handle_.get(), static_cast<int>(patience.count()));
}

Result<Transaction> Transaction::begin(Database& database, const std::string& kind) {
  TRY(database.execute("BEGIN " + kind));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) (void)database_->execute("ROLLBACK");
}

Result<void> Transaction::commit() {
  TRY(database_->execute("COMMIT"));
  database_ = nullptr;
  return {};
}

}  // namespace starttls::sqlite
