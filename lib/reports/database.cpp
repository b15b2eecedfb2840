#include "reports/database.h"

#include <sys/types.h>

#include "sqlite/schema.h"

namespace starttls::reports {
namespace {

// Times are milliseconds since 1970-01-01, UTC. Several texts in one column have a newline between them.
constexpr const char* tables = R"sql(
  CREATE TABLE reports (
    id INTEGER PRIMARY KEY,
    identity INTEGER NOT NULL,
    begin INTEGER NOT NULL,
    "end" INTEGER NOT NULL,
    received INTEGER NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    organization TEXT NOT NULL,
    contact TEXT NOT NULL,
    report_id TEXT NOT NULL,
    json_gzip BLOB NOT NULL,
    UNIQUE (begin, identity)
  );
  CREATE TABLE policies (
    report INTEGER NOT NULL,
    number INTEGER NOT NULL,
    policy_type TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    policy_strings TEXT NOT NULL,
    mx_hosts TEXT NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (report, number)
  ) WITHOUT ROWID;
  CREATE TABLE failures (
    report INTEGER NOT NULL,
    policy INTEGER NOT NULL,
    number INTEGER NOT NULL,
    result_type TEXT NOT NULL,
    sending_mta_ip TEXT NOT NULL,
    receiving_mx_hostname TEXT NOT NULL,
    receiving_mx_helo TEXT NOT NULL,
    receiving_ip TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    additional_information TEXT NOT NULL,
    failure_reason_code TEXT NOT NULL,
    PRIMARY KEY (report, policy, number)
  ) WITHOUT ROWID;
  CREATE TABLE deliveries (
    id INTEGER PRIMARY KEY,
    report_id TEXT NOT NULL,
    destination TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    submitter TEXT NOT NULL,
    sender TEXT NOT NULL,
    file_name TEXT NOT NULL,
    state TEXT NOT NULL,
    created INTEGER NOT NULL,
    next_try INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    reason TEXT NOT NULL,
    json_gzip BLOB NOT NULL,
    UNIQUE (report_id, destination)
  );
)sql";

const sqlite::Schema schema{.kind = "a store of reports",
                            .application_id = 0x53544B52,  // "STKR"
                            .version = 1,
                            .statements = tables,
                            .upgrades = {}};

constexpr mode_t file_mode = 0640;  // as the store of sessions

}  // namespace

Result<sqlite::Database> open_database(const std::filesystem::path& file, store::Access access) {
  std::error_code ignored;
  const bool is_there = std::filesystem::exists(file, ignored);
  if (access == store::Access::read && !is_there) {
    auto database = sqlite::Database::in_memory();
    if (!database) return database;
    if (auto done = sqlite::lay_out(*database, schema); !done) return std::unexpected(done.error());
    return database;
  }
  if (access == store::Access::write && !is_there) {
    if (auto done = sqlite::create(file, schema, file_mode); !done) return std::unexpected(done.error());
  }
  auto database = sqlite::Database::open(
      file, access == store::Access::read ? sqlite::Opening::reading : sqlite::Opening::writing);
  if (!database) return database;
  if (auto done = sqlite::check(*database, schema, file); !done) return std::unexpected(done.error());
  if (access != store::Access::read) {
    // WAL: who looks at reports does not keep those waiting that come in. FULL: what was taken is on the
    // disk.
    auto done = database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL");
    if (!done) return std::unexpected(done.error());
  }
  return database;
}

}  // namespace starttls::reports
