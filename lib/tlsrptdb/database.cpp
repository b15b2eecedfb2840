#include "tlsrptdb/database.h"

#include <sys/types.h>

#include <array>
#include <string>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/schema.h"

namespace starttls::tlsrptdb {
namespace {

// Times are milliseconds since 1970-01-01, UTC. Several texts in one column are separated by newlines.
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
    reporter TEXT NOT NULL,
    authenticated INTEGER NOT NULL,
    size INTEGER NOT NULL,
    unsigned_identity INTEGER,
    report_domain TEXT NOT NULL DEFAULT '',
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
    sent INTEGER,
    held_for INTEGER,
    UNIQUE (report_id, destination)
  );
)sql";

// How many bytes of the store each reporter uses. ReportStore adds the bytes of new reports itself: with a trigger for
// it, SQLite keeps a copy of each page that an insertion changes, which costs more than the insertion.
constexpr const char* reporter_tables = R"sql(
  CREATE INDEX reports_by_unsigned_identity ON reports (begin, unsigned_identity)
    WHERE unsigned_identity IS NOT NULL;
  CREATE INDEX reports_by_arrival ON reports (received);
  CREATE INDEX reports_by_reporter ON reports (reporter, authenticated);
  CREATE TABLE reporters (
    name TEXT NOT NULL,
    authenticated INTEGER NOT NULL,
    since INTEGER NOT NULL,
    bytes INTEGER NOT NULL,
    PRIMARY KEY (name, authenticated)
  ) WITHOUT ROWID;
  CREATE INDEX reporters_by_size ON reporters (authenticated, bytes);
  CREATE TRIGGER report_removed AFTER DELETE ON reports BEGIN
    UPDATE reporters SET bytes = bytes - OLD.size WHERE name = OLD.reporter AND authenticated = OLD.authenticated;
    DELETE FROM reporters WHERE name = OLD.reporter AND authenticated = OLD.authenticated AND bytes <= 0;
  END;
)sql";

// The sizes are those that ReportStore counts.
constexpr const char* reporters_of_version_1 = R"sql(
  ALTER TABLE reports ADD COLUMN reporter TEXT NOT NULL DEFAULT '';
  ALTER TABLE reports ADD COLUMN authenticated INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE reports ADD COLUMN size INTEGER NOT NULL DEFAULT 0;
  ALTER TABLE reports ADD COLUMN unsigned_identity INTEGER;
  UPDATE reports SET
    reporter = lower(organization),
    size = 300 + length(json_gzip) + 2 * length(organization) + length(contact) + length(report_id)
      + coalesce((SELECT sum(64 + length(policy_type) + length(policy_domain) + length(policy_strings)
                             + length(mx_hosts)) FROM policies WHERE report = id), 0)
      + coalesce((SELECT sum(64 + length(result_type) + length(sending_mta_ip) + length(receiving_mx_hostname)
                             + length(receiving_mx_helo) + length(receiving_ip) + length(additional_information)
                             + length(failure_reason_code)) FROM failures WHERE report = id), 0);
)sql";

constexpr const char* fill_reporters = R"sql(
  INSERT INTO reporters SELECT reporter, authenticated, min(received), sum(size) FROM reports
    GROUP BY reporter, authenticated;
)sql";

// Observations of our own policy domains; see own_domains.h.
constexpr const char* own_domain_tables = R"sql(
  CREATE TABLE mx_hosts (
    policy_domain TEXT NOT NULL,
    host TEXT NOT NULL,
    seen INTEGER NOT NULL,
    PRIMARY KEY (policy_domain, host)
  ) WITHOUT ROWID;
  CREATE TABLE publications (
    policy_domain TEXT NOT NULL,
    kind TEXT NOT NULL,
    seen INTEGER NOT NULL,
    missed INTEGER,
    PRIMARY KEY (policy_domain, kind)
  ) WITHOUT ROWID;
)sql";

// Addresses that reports are not sent to; see suppressions.h.
constexpr const char* suppression_tables = R"sql(
  CREATE TABLE suppressions (
    address TEXT PRIMARY KEY,
    since INTEGER NOT NULL,
    reason TEXT NOT NULL
  ) WITHOUT ROWID;
)sql";

constexpr const char* sent_of_version_3 = "ALTER TABLE deliveries ADD COLUMN sent INTEGER;";

constexpr const char* report_domain_of_version_2 =
    "ALTER TABLE reports ADD COLUMN report_domain TEXT NOT NULL DEFAULT '';";

const std::string statements = std::string(tables) + reporter_tables + own_domain_tables + suppression_tables;
const std::string to_version_2 = std::string(reporters_of_version_1) + reporter_tables + fill_reporters;
const std::string to_version_3 = std::string(report_domain_of_version_2) + own_domain_tables;
const std::string to_version_4 = std::string(sent_of_version_3) + suppression_tables;
constexpr const char* to_version_5 = "ALTER TABLE deliveries ADD COLUMN held_for INTEGER;";
constexpr const char* to_version_6 = "DROP TRIGGER IF EXISTS report_added;";
const std::array<const char*, 5> upgrades{to_version_2.c_str(), to_version_3.c_str(), to_version_4.c_str(),
                                          to_version_5, to_version_6};

const sqlite::Schema schema{.kind = "a store of reports",
                            .application_id = 0x53544B52,  // "STKR"
                            .version = 6,
                            .statements = statements.c_str(),
                            .upgrades = upgrades};

constexpr mode_t file_mode = 0640;  // as the store of sessions

// Upgrades the file even for a program that only reads: no daemon upgrades it, and reports may not have been
// imported for a long time.
Result<void> upgrade(const std::filesystem::path& file) {
  auto database = TRY(sqlite::Database::open(file, sqlite::OpenMode::read_write));
  return sqlite::upgrade(database, schema);
}

}  // namespace

Result<sqlite::Database> open_database(const std::filesystem::path& file, store::Access access) {
  std::error_code error;
  const bool is_there = std::filesystem::exists(file, error);
  if (error) return fail(Fault::permission, "{}: {}", printable(file.string()), error.message());
  if (access == store::Access::read && !is_there) {
    auto database = sqlite::Database::in_memory();
    if (!database) return database;
    TRY(sqlite::create_schema(*database, schema));
    return database;
  }
  if (access == store::Access::owner && !is_there) {
    TRY(sqlite::create(file, schema, file_mode));
  }
  auto database = sqlite::Database::open(
      file, access == store::Access::read ? sqlite::OpenMode::read_only : sqlite::OpenMode::read_write);
  if (!database) return database;
  const auto standing = TRY(sqlite::schema_status(*database, schema));
  if (standing == sqlite::SchemaStatus::older) {
    TRY(upgrade(file));
  }
  TRY(sqlite::check(*database, schema, file));
  if (access != store::Access::read) {
    // WAL: readers do not block programs that receive reports. FULL: an accepted report is on the disk.
    TRY(database->execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 0"));
    database->persist_wal();
  }
  return database;
}

}  // namespace starttls::tlsrptdb
