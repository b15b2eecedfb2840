#include "sqlite/schema.h"
#include "sqlite/sqlite.h"
#include "store/store.h"

namespace starttls::store {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// Days are days since 1970-01-01, folded_at is milliseconds since then, UTC.
constexpr sqlite::Schema schema{.kind = "a store of tlsrpt-milter",
                                .application_id = 0x53544B31,  // "STK1"
                                .version = 1,
                                .statements = R"sql(
  CREATE TABLE session_counts (
    id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    receiving_mx TEXT NOT NULL,
    client_address TEXT NOT NULL,
    client_name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    tls_version TEXT NOT NULL,
    cipher TEXT NOT NULL,
    cipher_bits INTEGER NOT NULL,
    client_certificate TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    UNIQUE (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher, cipher_bits,
            client_certificate)
  );
  CREATE TABLE domain_counts (
    session_count INTEGER NOT NULL REFERENCES session_counts (id),
    recipient_domain TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    PRIMARY KEY (session_count, recipient_domain)
  ) WITHOUT ROWID;
  CREATE TABLE folded_segments (
    id TEXT PRIMARY KEY,
    folded_at INTEGER NOT NULL
  ) WITHOUT ROWID;
)sql"};

constexpr std::string_view add_sessions = R"sql(
  INSERT INTO session_counts (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher,
                              cipher_bits, client_certificate, sessions, messages)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
  ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, messages = messages + excluded.messages
  RETURNING id
)sql";

constexpr std::string_view add_domain = R"sql(
  INSERT INTO domain_counts (session_count, recipient_domain, sessions, messages) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, messages = messages + excluded.messages
)sql";

constexpr std::string_view read_counts = R"sql(
  SELECT s.day, s.receiving_mx, s.client_address, s.client_name, s.outcome, s.tls_version, s.cipher,
         s.cipher_bits, s.client_certificate, s.sessions, s.messages,
         d.recipient_domain, d.sessions, d.messages
  FROM session_counts AS s LEFT JOIN domain_counts AS d ON d.session_count = s.id
  WHERE s.day BETWEEN ?1 AND ?2
)sql";

std::int64_t number_of(Day day) {
  return day.time_since_epoch().count();
}

Result<SessionClass> class_in(const Statement& row) {
  const auto outcome = parse_outcome(row.text(4));
  if (!outcome) return std::unexpected(outcome.error());
  const auto certificate = parse_client_certificate(row.text(8));
  if (!certificate) return std::unexpected(certificate.error());
  return SessionClass{
      .day = Day{std::chrono::days{row.number(0)}},
      .receiving_mx = row.text(1),
      .client_address = row.text(2),
      .client_name = row.text(3),
      .outcome = *outcome,
      .tls_version = row.text(5),
      .cipher = row.text(6),
      .cipher_bits = static_cast<std::uint32_t>(row.number(7)),
      .client_certificate = *certificate,
  };
}

Tally tally_in(const Statement& row, int column) {
  return {.sessions = static_cast<std::uint64_t>(row.number(column)),
          .messages = static_cast<std::uint64_t>(row.number(column + 1))};
}

// Everything fold() writes, prepared once a transaction.
class Writer {
 public:
  static Result<Writer> prepare(Database& database) {
    auto sessions = database.prepare(add_sessions);
    if (!sessions) return std::unexpected(sessions.error());
    auto domain = database.prepare(add_domain);
    if (!domain) return std::unexpected(domain.error());
    return Writer(std::move(*sessions), std::move(*domain));
  }

  Result<void> write(const SessionClass& of, const ClassCount& count) {
    const auto id = write_total(of, count.total);
    if (!id) return std::unexpected(id.error());
    for (const auto& [name, tally] : count.recipient_domains) {
      domain_.bind(1, *id).bind(2, name);
      domain_.bind(3, static_cast<std::int64_t>(tally.sessions))
          .bind(4, static_cast<std::int64_t>(tally.messages));
      if (auto done = domain_.run(); !done) return done;
    }
    return {};
  }

 private:
  Writer(Statement sessions, Statement domain) : sessions_(std::move(sessions)), domain_(std::move(domain)) {}

  Result<std::int64_t> write_total(const SessionClass& of, const Tally& total) {
    sessions_.bind(1, number_of(of.day)).bind(2, of.receiving_mx).bind(3, of.client_address);
    sessions_.bind(4, of.client_name).bind(5, to_text(of.outcome)).bind(6, of.tls_version).bind(7, of.cipher);
    sessions_.bind(8, std::int64_t{of.cipher_bits}).bind(9, to_text(of.client_certificate));
    sessions_.bind(10, static_cast<std::int64_t>(total.sessions));
    sessions_.bind(11, static_cast<std::int64_t>(total.messages));
    const auto row = sessions_.step();
    if (!row) return std::unexpected(row.error());
    const std::int64_t id = sessions_.number(0);
    if (auto done = sessions_.run(); !done) return std::unexpected(done.error());
    return id;
  }

  Statement sessions_;
  Statement domain_;
};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(Database database) : database_(std::move(database)) {}

  Result<bool> fold(const std::string& segment, const DailyCounts& counts, Time now) override {
    if (database_.has_moved()) return fail(Fault::unavailable, "the store's file was removed");
    auto transaction = Transaction::begin(database_, "IMMEDIATE");
    if (!transaction) return std::unexpected(transaction.error());
    const auto known = is_folded(segment);
    if (!known) return std::unexpected(known.error());
    if (*known) return false;
    auto writer = Writer::prepare(database_);
    if (!writer) return std::unexpected(writer.error());
    for (const auto& [of, count] : counts) {
      if (auto done = writer->write(of, count); !done) return std::unexpected(done.error());
    }
    if (auto done = record(segment, now); !done) return std::unexpected(done.error());
    if (auto done = transaction->commit(); !done) return std::unexpected(done.error());
    return true;
  }

  Result<Snapshot> read(const Period& period, const std::vector<std::string>& segments) override {
    // In one read transaction both answers are of the same moment.
    auto transaction = Transaction::begin(database_, "DEFERRED");
    if (!transaction) return std::unexpected(transaction.error());
    Snapshot snapshot;
    auto counts = counts_of(period);
    if (!counts) return std::unexpected(counts.error());
    snapshot.counts = std::move(*counts);
    for (const std::string& segment : segments) {
      const auto known = is_folded(segment);
      if (!known) return std::unexpected(known.error());
      if (*known) snapshot.folded.insert(segment);
    }
    return snapshot;
  }

  Result<void> forget_segments(Time folded_before) override {
    auto statement = database_.prepare("DELETE FROM folded_segments WHERE folded_at < ?1");
    if (!statement) return std::unexpected(statement.error());
    return statement->bind(1, std::int64_t{folded_before.time_since_epoch().count()}).run();
  }

 private:
  Result<bool> is_folded(const std::string& segment) {
    auto statement = database_.prepare("SELECT 1 FROM folded_segments WHERE id = ?1");
    if (!statement) return std::unexpected(statement.error());
    return statement->bind(1, segment).step();
  }

  Result<void> record(const std::string& segment, Time now) {
    auto statement = database_.prepare("INSERT INTO folded_segments (id, folded_at) VALUES (?1, ?2)");
    if (!statement) return std::unexpected(statement.error());
    return statement->bind(1, segment).bind(2, std::int64_t{now.time_since_epoch().count()}).run();
  }

  Result<DailyCounts> counts_of(const Period& period) {
    auto rows = database_.prepare(read_counts);
    if (!rows) return std::unexpected(rows.error());
    rows->bind(1, number_of(period.since)).bind(2, number_of(period.until));
    DailyCounts counts;
    for (;;) {
      const auto row = rows->step();
      if (!row) return std::unexpected(row.error());
      if (!*row) return counts;
      const auto of = class_in(*rows);
      if (!of) return std::unexpected(of.error());
      ClassCount& count = counts[*of];
      count.total = tally_in(*rows, 9);  // the same in each of the class's rows
      if (const std::string domain = rows->text(11); !domain.empty()) {
        count.recipient_domains[domain] = tally_in(*rows, 12);
      }
    }
  }

  Database database_;
};

// Who may read the journal may read the store.
constexpr mode_t store_mode = 0640;

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access) {
  std::error_code ignored;
  if (access == Access::write && !std::filesystem::exists(file, ignored)) {
    if (auto created = sqlite::create(file, schema, store_mode); !created)
      return std::unexpected(created.error());
  }
  const auto opening = access == Access::write ? sqlite::Opening::writing : sqlite::Opening::reading;
  auto database = Database::open(file, opening);
  if (!database) return std::unexpected(database.error());
  if (auto done = sqlite::check(*database, schema, file); !done) return std::unexpected(done.error());
  if (access == Access::write) {
    // WAL: readers never wait for the fold. FULL: a commit is on the disk before the segment is unlinked.
    auto done =
        database->execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    if (!done) return std::unexpected(done.error());
  }
  return std::make_unique<SqliteStore>(std::move(*database));
}

}  // namespace starttls::store
