#include "mtastsdb/cache_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "base/counted.h"
#include "base/directory.h"
#include "base/file.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::mtastsdb {
namespace {

namespace fs = std::filesystem;
using sqlite::Database;
using sqlite::OpenMode;

constexpr mode_t cache_mode = 0644;
constexpr std::chrono::seconds patience{2};
constexpr std::size_t max_quarantined = 3;

Refusal refused(Error error) {
  const bool damaged = error.fault == Fault::data;
  return {.error = std::move(error), .damaged = damaged};
}

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

// The smallest database is a page of 512 bytes. A smaller file holds no data, and SQLite takes it for a new
// one.
bool is_stump(const fs::path& file) {
  std::error_code error;
  return fs::file_size(file, error) < 512 && !error;
}

// Finds a row that points outside its page at once, and runs no code from the file.
constexpr const char* caution = "PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF";

std::expected<CacheTable, Refusal> table_in(Database database, const fs::path& file) {
  const auto standing = sqlite::schema_status(database, cache_schema());
  if (!standing) return std::unexpected(refused(standing.error()));
  // A writer has upgraded it before.
  if (*standing != sqlite::SchemaStatus::ours && *standing != sqlite::SchemaStatus::older) {
    return std::unexpected(Refusal{.error = sqlite::check(database, cache_schema(), file).error(),
                                   .damaged = *standing == sqlite::SchemaStatus::foreign && is_stump(file)});
  }
  if (auto done = database.execute(caution); !done) return std::unexpected(refused(done.error()));
  auto table = CacheTable::in(std::move(database));
  // The file has our application id, but not our tables: our statements are correct, so the error is in the
  // file.
  if (!table && table.error().fault == Fault::unavailable) table.error().fault = Fault::data;
  if (!table) return std::unexpected(refused(table.error()));
  return std::move(*table);
}

// A file that cannot be written is not upgraded. A later write reports the error.
Result<void> upgrade(Database& database) {
  if (database.is_read_only()) return {};
  auto done = sqlite::upgrade(database, cache_schema());
  // As in table_in().
  if (!done && done.error().fault == Fault::unavailable) done.error().fault = Fault::data;
  return done;
}

// NORMAL: a power failure may lose the last changes, which the policy hosts will send again, but the file
// stays consistent.
Result<void> prepare_for_writing(Database& database, const fs::path& file) {
  database.set_busy_timeout(patience);
  if (database.is_read_only())
    return fail(Fault::permission, "{}: cannot be written", printable(file.string()));
  return database.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000; PRAGMA "
      "journal_size_limit = 16777216");
}

// "20261122T144859Z"
std::string stamp_of(Time now) {
  std::string stamp = to_rfc3339(std::chrono::floor<std::chrono::seconds>(now));
  std::erase_if(stamp, [](char c) { return c == '-' || c == ':'; });
  return stamp;
}

fs::path name_for_aside(const fs::path& file, Time now) {
  const std::string base = file.string() + ".damaged-" + stamp_of(now);
  fs::path name = base;
  for (int i = 2; is_there(name) && i < 100; ++i) name = fmt::format("{}.{}", base, i);
  return name;
}

constexpr std::array beside{"-wal", "-shm"};

// Repeated damage must not fill the disk.
void forget_oldest_aside(const DirectoryEntry& place) {
  const std::string prefix = place.name + ".damaged-";
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(fmt::format("/proc/self/fd/{}", place.directory.fd()), error), end;
       !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    const bool is_beside = name.ends_with(beside[0]) || name.ends_with(beside[1]);
    if (name.starts_with(prefix) && !is_beside) names.push_back(name);
  }
  if (names.size() <= max_quarantined) return;
  std::ranges::sort(names);
  names.resize(names.size() - max_quarantined);
  for (const std::string& name : names) {
    ::unlinkat(place.directory.fd(), name.c_str(), 0);
    for (const char* suffix : beside) ::unlinkat(place.directory.fd(), (name + suffix).c_str(), 0);
  }
}

// Renames the damaged file and returns its new path; "" if another process was faster.
Result<fs::path> set_aside(const fs::path& file, const FileId& damaged, Time now) {
  if (file_id(file) != damaged) return fs::path{};
  // Uses the descriptor of its directory, which may belong to another user while we are root.
  const auto place = TRY(find_entry(file));
  const int directory = place.directory.fd();
  fs::path aside = name_for_aside(file, now);
  const std::string aside_name = place.name + aside.string().substr(file.string().size());
  // If the name is a symbolic link, the file that it points to was renamed.
  if (std::error_code error; fs::is_symlink(file, error))
    aside = fs::canonical(file, error).parent_path() / aside_name;
  if (::renameat(directory, place.name.c_str(), directory, aside_name.c_str()) != 0) {
    const int error = errno;
    return fail(write_fault(error), "{}: cannot be renamed: {}", printable(file.string()), errno_text(error));
  }
  if (file_id(aside) != damaged) {
    // Meanwhile another process has created a new file there: restore its name.
    if (::linkat(directory, aside_name.c_str(), directory, place.name.c_str(), 0) == 0)
      ::unlinkat(directory, aside_name.c_str(), 0);
    return fs::path{};
  }
  for (const char* suffix : beside) {
    (void)::renameat(directory, (place.name + suffix).c_str(), directory, (aside_name + suffix).c_str());
  }
  forget_oldest_aside(place);
  return aside;
}

CacheTable table_in_memory() {
  auto database = Database::in_memory();
  if (database) {
    if (const auto done = sqlite::create_schema(*database, cache_schema()); done) {
      if (auto table = CacheTable::in(std::move(*database))) return std::move(*table);
    }
  }
  // Without memory for an empty table the program cannot run either.
  std::abort();
}

// Recovers entries from a damaged file.
std::size_t salvage(CacheTable& table, const fs::path& file, Time now, std::size_t max) {
  auto database = Database::open(file, OpenMode::read_only);
  // Without this, SQLite refuses a truncated file as a whole.
  if (!database || !database->execute("PRAGMA writable_schema = ON")) return 0;
  auto other = table_in(std::move(*database), file);
  if (!other) return 0;
  return table.take_over(*other, now, max).value_or(0);
}

OpenedTable go_on_in_memory(const fs::path& file, Error why, Time now, std::size_t max) {
  OpenedTable opened{.table = table_in_memory(), .warning = std::move(why)};
  if (auto readable = open_table_to_read(file)) (void)opened.table.take_over(*readable, now, max);
  opened.warning->message += "; what is learnt is kept in memory only";
  return opened;
}

}  // namespace

std::expected<CacheTable, Refusal> open_table(const fs::path& file) {
  if (!is_there(file)) {
    auto created = sqlite::create(file, cache_schema(), cache_mode);
    if (!created) return std::unexpected(refused(created.error()));
  }
  auto database = Database::open(file, OpenMode::read_write);
  if (!database) return std::unexpected(refused(database.error()));
  database->set_busy_timeout(patience);
  if (auto done = upgrade(*database); !done) return std::unexpected(refused(done.error()));
  auto table = table_in(std::move(*database), file);
  if (!table) return table;
  if (auto done = prepare_for_writing(table->database(), file); !done) {
    return std::unexpected(refused(done.error()));
  }
  return table;
}

Result<CacheTable> open_table_to_read(const fs::path& file) {
  const auto open = [&](OpenMode opening) -> Result<CacheTable> {
    auto database = TRY(Database::open(file, opening));
    database.set_busy_timeout(patience);
    auto table = table_in(std::move(database), file);
    if (!table) return std::unexpected(table.error().error);
    return std::move(*table);
  };
  auto table = open(OpenMode::read_only);
  // SQLite needs the -wal file, which a reader may not create. If no writer has left one, nothing is missing
  // in the database.
  const bool wants_file = !table && table.error().fault != Fault::data;
  if (wants_file && !is_there(file.string() + "-wal")) return open(OpenMode::immutable);
  return table;
}

OpenedTable open_table_or_fall_back(const fs::path& file, Time now, std::size_t max) {
  auto identity = file_id(file);
  auto table = open_table(file);
  if (table) return {.table = std::move(*table), .warning = {}};
  if (table.error().damaged && identity) {
    return replace_damaged(file, *identity, table.error().error, now, max);
  }
  return go_on_in_memory(file, table.error().error, now, max);
}

OpenedTable replace_damaged(const fs::path& file, const FileId& damaged, const Error& why, Time now,
                            std::size_t max) {
  Error warning = why;
  const auto aside = set_aside(file, damaged, now);
  if (!aside) {
    warning.message += "; " + aside.error().message;
    return go_on_in_memory(file, std::move(warning), now, max);
  }
  auto table = open_table(file);
  if (!table) {
    warning.message += "; " + table.error().error.message;
    return go_on_in_memory(aside->empty() ? file : *aside, std::move(warning), now, max);
  }
  if (aside->empty()) {
    warning.message += "; another process has created it again";
  } else {
    const std::size_t saved = salvage(*table, *aside, now, max);
    warning.message += fmt::format("; renamed to {}, and created again with {} that could be read",
                                   printable(aside->string()), counted(saved, "domain"));
  }
  return {.table = std::move(*table), .warning = std::move(warning)};
}

}  // namespace starttls::mtastsdb
