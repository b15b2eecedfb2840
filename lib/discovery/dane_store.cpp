#include "discovery/dane_store.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/schema.h"
#include "sqlite/sqlite.h"

namespace starttls::discovery {
namespace {

namespace fs = std::filesystem;
using sqlite::Database;
using sqlite::OpenMode;
using sqlite::Statement;
using std::chrono::floor;
using std::chrono::seconds;

constexpr mode_t file_mode = 0644;
constexpr seconds patience{2};
// A new end is not written if it is later by less than this part (1/8) of the time that the result is kept.
constexpr std::int64_t noticeable_part = 8;

// Times are seconds since 1970, UTC.
const sqlite::Schema schema{.kind = "a file of DANE results",
                            .application_id = 0x53544456,  // "STDV"
                            .version = 1,
                            .statements = R"(
CREATE TABLE results (
  domain TEXT PRIMARY KEY,
  status TEXT NOT NULL,
  reason TEXT NOT NULL,
  proven INTEGER NOT NULL,
  until INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX results_until ON results (until);
)",
                            .upgrades = {}};

enum StatementOf : std::uint8_t { find, keep, remove, count, make_room };
constexpr std::array sql_of{
    "SELECT status, reason, proven, until FROM results WHERE domain = ?1",
    "INSERT INTO results (domain, status, reason, proven, until) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (domain) DO UPDATE SET status = ?2, reason = ?3, proven = ?4, until = ?5",
    "DELETE FROM results WHERE domain = ?1", "SELECT count(*) FROM results",
    "DELETE FROM results WHERE domain IN (SELECT domain FROM results ORDER BY until LIMIT ?1)"};

std::int64_t as_number(Time time) {
  return floor<seconds>(time).time_since_epoch().count();
}

// Only a status that DNSSEC can prove is stored.
std::optional<dane::DaneStatus> proven_status(std::string_view text) {
  using dane::DaneStatus;
  const auto status = dane::find_dane_status(text);
  const bool is_proven = status && *status != DaneStatus::failing && *status != DaneStatus::unknown &&
                         *status != DaneStatus::unvalidated;
  return is_proven ? status : std::nullopt;
}

struct Row {
  std::string status;
  std::string reason;
  std::int64_t proven = 0;
  std::int64_t until = 0;
};

// The table in an open database.
class Table {
 public:
  static Result<Table> in(Database database) {
    std::vector<Statement> statements;
    statements.reserve(std::size(sql_of));
    for (const char* const sql : sql_of) {
      statements.push_back(TRY(database.prepare(sql)));
    }
    auto& counting = statements[StatementOf::count];
    TRY(counting.step());
    const auto rows = static_cast<std::size_t>(counting.number(0));
    counting.reset();
    return Table(std::move(database), std::move(statements), rows);
  }

  Database& database() { return database_; }

  Result<std::optional<Row>> row_of(std::string_view domain) {
    Statement& finding = statements_[StatementOf::find];
    finding.reset();
    const auto found = TRY(finding.bind(1, domain).step());
    std::optional<Row> row;
    if (found) {
      row = {.status = finding.text(0),
             .reason = finding.text(1),
             .proven = finding.number(2),
             .until = finding.number(3)};
    }
    finding.reset();
    return row;
  }

  Result<void> put(std::string_view domain, const Row& row, bool is_new, std::size_t max) {
    if (is_new && rows_ >= max) {
      // Removes more rows than needed, so that not every new row needs a removal.
      const std::size_t going = rows_ - max + 1 + max / 100;
      TRY(statements_[StatementOf::make_room].bind(1, static_cast<std::int64_t>(going)).run());
      rows_ -= std::min(rows_, going);
    }
    Statement& keeping = statements_[StatementOf::keep];
    keeping.bind(1, domain).bind(2, std::string_view(row.status)).bind(3, std::string_view(row.reason));
    auto done = keeping.bind(4, row.proven).bind(5, row.until).run();
    if (done && is_new) ++rows_;
    return done;
  }

  Result<void> remove(std::string_view domain) {
    auto done = statements_[StatementOf::remove].bind(1, domain).run();
    if (done && rows_ > 0) --rows_;
    return done;
  }

 private:
  Table(Database database, std::vector<Statement> statements, std::size_t rows)
      : database_(std::move(database)), statements_(std::move(statements)), rows_(rows) {}

  Database database_;
  std::vector<Statement> statements_;  // destroyed before the database
  std::size_t rows_;                   // approximate if other processes write, too
};

Result<Table> open_table(const fs::path& file) {
  std::error_code ignored;
  if (!fs::exists(file, ignored)) {
    TRY(sqlite::create(file, schema, file_mode));
  }
  auto database = TRY(Database::open(file, OpenMode::read_write));
  TRY(sqlite::check(database, schema, file));
  database.set_busy_timeout(patience);
  if (database.is_read_only())
    return fail(Fault::permission, "{}: cannot be written", printable(file.string()));
  // NORMAL: a power failure may lose the last changes, but the file stays consistent.
  TRY(
      database.execute("PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF; PRAGMA journal_mode = WAL; "
                       "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 16777216"));
  auto table = Table::in(std::move(database));
  // The file has our application id, but not our tables.
  if (!table && table.error().fault == Fault::unavailable) table.error().fault = Fault::data;
  return table;
}

Table table_in_memory() {
  if (auto database = Database::in_memory()) {
    if (const auto done = sqlite::create_schema(*database, schema); done) {
      if (auto table = Table::in(std::move(*database))) return std::move(*table);
    }
  }
  // Without memory for an empty table the program cannot run either.
  std::abort();
}

// A file of a newer version is Fault::data as well, but we must not rename it.
bool is_newer(const fs::path& file) {
  auto database = Database::open(file, OpenMode::read_only);
  if (!database) return false;
  const auto status = sqlite::schema_status(*database, schema);
  return status && *status == sqlite::SchemaStatus::newer;
}

struct OpenedTable {
  Table table;
  std::optional<Error> warning;
};

OpenedTable open_table_or_fall_back(const fs::path& file) {
  auto table = open_table(file);
  if (table) return {.table = std::move(*table), .warning = {}};
  Error warning = table.error();
  if (warning.fault == Fault::data && !is_newer(file)) {
    const std::string aside = file.string() + ".damaged";
    if (std::rename(file.c_str(), aside.c_str()) == 0) {
      for (const char* const end : {"-wal", "-shm"}) {
        (void)std::rename((file.string() + end).c_str(), (aside + end).c_str());
      }
      table = open_table(file);
      if (table) {
        warning.message += fmt::format("; renamed to {}, and created again", printable(aside));
        return {.table = std::move(*table), .warning = std::move(warning)};
      }
    }
  }
  warning.message += "; DANE results are kept in memory only";
  return {.table = table_in_memory(), .warning = std::move(warning)};
}

}  // namespace

class DaneStore::Impl {
 public:
  Impl(fs::path file, Table table, std::size_t max)
      : max_(max), file_(std::move(file)), table_(std::move(table)) {}

  // Uses the file that has the name now. If the file is damaged, the operation fails, and the next one uses a
  // new file.
  template <class Operation>
  auto with_table(Operation operation) -> decltype(operation(std::declval<Table&>())) {
    if (table_.database().has_moved()) table_ = open_table_or_fall_back(file_).table;
    auto result = operation(table_);
    if (!result && result.error().fault == Fault::data) {
      auto opened = open_table_or_fall_back(file_);
      table_ = std::move(opened.table);
      if (opened.warning) result.error() = std::move(*opened.warning);
    }
    return result;
  }

  std::size_t max() const { return max_; }

 private:
  std::size_t max_;
  fs::path file_;
  Table table_;
};

DaneStore::DaneStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
DaneStore::DaneStore(DaneStore&&) noexcept = default;
DaneStore& DaneStore::operator=(DaneStore&&) noexcept = default;
DaneStore::~DaneStore() = default;

DaneStore::Opened DaneStore::open_or_fall_back(const fs::path& file, std::size_t max) {
  auto opened = open_table_or_fall_back(file);
  return {.store =
              DaneStore(std::make_unique<Impl>(file, std::move(opened.table), std::max<std::size_t>(max, 1))),
          .warning = std::move(opened.warning)};
}

Result<std::optional<dane::DaneResult>> DaneStore::find(const NextHop& next_hop, Time now) {
  auto row = TRY(impl_->with_table([&](Table& table) { return table.row_of(next_hop.str()); }));
  if (!row) return std::nullopt;
  const auto status = proven_status(row->status);
  const std::int64_t second = as_number(now);
  const bool is_live = second < row->until && row->until - second <= seconds{max_result_age}.count();
  if (!status || !is_live) return std::nullopt;
  return dane::DaneResult{.status = *status, .reason = std::move(row->reason)};
}

Result<void> DaneStore::keep(const NextHop& next_hop, const dane::DaneResult& result, Time now, Time until) {
  const Row row{.status = std::string(dane::to_string(result.status)),
                .reason = result.reason,
                .proven = as_number(now),
                .until = std::min(as_number(until), as_number(now + max_result_age))};
  return impl_->with_table([&](Table& table) -> Result<void> {
    const auto before = TRY(table.row_of(next_hop.str()));
    const bool is_known = before && before->status == row.status &&
                          std::abs(row.until - before->until) < (row.until - row.proven) / noticeable_part;
    if (is_known) return {};
    return table.put(next_hop.str(), row, !before, impl_->max());
  });
}

Result<void> DaneStore::remove(const NextHop& next_hop) {
  return impl_->with_table([&](Table& table) -> Result<void> {
    const auto before = TRY(table.row_of(next_hop.str()));
    if (!before) return {};
    return table.remove(next_hop.str());
  });
}

}  // namespace starttls::discovery
