#include <array>

#include "base/log.h"
#include "base/text.h"
#include "base/try.h"
#include "sqlite/schema.h"
#include "sqlite/sqlite.h"
#include "store/columns.h"
#include "store/sqlite_damage.h"
#include "store/sqlite_file.h"
#include "store/store.h"

namespace starttls::store {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// Days are days since 1970-01-01, times are milliseconds since then, UTC. tlsrpt-store(5) describes all of
// it.
constexpr const char* tables = R"sql(
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
    failure TEXT NOT NULL,
    downgraded INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    messages INTEGER NOT NULL,
    UNIQUE (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher, cipher_bits,
            client_certificate, failure, downgraded)
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
  CREATE TABLE waiting (
    records TEXT NOT NULL
  );
  CREATE TABLE senders (
    domain TEXT PRIMARY KEY,
    tls_sessions INTEGER NOT NULL,
    last_tls INTEGER NOT NULL,
    best_tls TEXT NOT NULL,
    last_downgrade INTEGER
  ) WITHOUT ROWID;
  CREATE TABLE downgrades (
    sender TEXT NOT NULL,
    day INTEGER NOT NULL,
    sessions INTEGER NOT NULL,
    first_plaintext INTEGER NOT NULL,
    last_tls INTEGER NOT NULL,
    best_tls TEXT NOT NULL,
    tls_sessions INTEGER NOT NULL,
    PRIMARY KEY (day, sender)
  ) WITHOUT ROWID;
  CREATE TABLE forgettings (
    number INTEGER NOT NULL
  );
  CREATE TABLE forgotten (
    domain TEXT PRIMARY KEY,
    forgotten_at INTEGER NOT NULL
  ) WITHOUT ROWID;
  INSERT INTO forgettings VALUES (0);
)sql";

// Version 1 stored neither failures nor downgrades. Its counts are moved into the new table.
constexpr const char* from_version_1_begin = R"sql(
  ALTER TABLE domain_counts RENAME TO domain_counts_1;
  ALTER TABLE session_counts RENAME TO session_counts_1;
  ALTER TABLE folded_segments RENAME TO folded_segments_1;
)sql";
constexpr const char* from_version_1_end = R"sql(
  INSERT INTO session_counts
    SELECT id, day, receiving_mx, client_address, client_name, outcome, tls_version, cipher, cipher_bits,
           client_certificate, 'none', 0, sessions, messages FROM session_counts_1;
  INSERT INTO domain_counts SELECT * FROM domain_counts_1;
  INSERT INTO folded_segments SELECT * FROM folded_segments_1;
  DROP TABLE domain_counts_1;
  DROP TABLE session_counts_1;
  DROP TABLE folded_segments_1;
)sql";

// Version 2 did not store when a sender was forgotten. The upgrade of version 1 has created the table
// already.
constexpr const char* from_version_2 = R"sql(
  CREATE TABLE IF NOT EXISTS forgotten (
    domain TEXT PRIMARY KEY,
    forgotten_at INTEGER NOT NULL
  ) WITHOUT ROWID;
)sql";

const sqlite::Schema& schema() {
  static const std::string from_version_1 = std::string(from_version_1_begin) + tables + from_version_1_end;
  static const std::array<const char*, 2> upgrades{from_version_1.c_str(), from_version_2};
  static const sqlite::Schema known{.kind = "a store of tlsrpt-milter",
                                    .application_id = 0x53544B31,  // "STK1"
                                    .version = 3,
                                    .statements = tables,
                                    .upgrades = upgrades};
  return known;
}

constexpr std::string_view add_sessions = R"sql(
  INSERT INTO session_counts (day, receiving_mx, client_address, client_name, outcome, tls_version, cipher,
                              cipher_bits, client_certificate, failure, downgraded, sessions, messages)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
  ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, messages = messages + excluded.messages
  RETURNING id
)sql";

constexpr std::string_view add_domain = R"sql(
  INSERT INTO domain_counts (session_count, recipient_domain, sessions, messages) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions, messages = messages + excluded.messages
)sql";

constexpr std::string_view add_sender = R"sql(
  INSERT INTO senders (domain, tls_sessions, last_tls, best_tls, last_downgrade) VALUES (?1, ?2, ?3, ?4, ?5)
  ON CONFLICT DO UPDATE SET tls_sessions = tls_sessions + excluded.tls_sessions,
                            last_tls = max(last_tls, excluded.last_tls),
                            best_tls = max(best_tls, excluded.best_tls),
                            last_downgrade = coalesce(max(last_downgrade, excluded.last_downgrade),
                                                      last_downgrade, excluded.last_downgrade)
)sql";

constexpr std::string_view add_downgrade = R"sql(
  INSERT INTO downgrades (sender, day, sessions, first_plaintext, last_tls, best_tls, tls_sessions)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
  ON CONFLICT DO UPDATE SET sessions = sessions + excluded.sessions
)sql";

constexpr std::string_view read_counts_sql = R"sql(
  SELECT s.id, s.day, s.receiving_mx, s.client_address, s.client_name, s.outcome, s.tls_version, s.cipher,
         s.cipher_bits, s.client_certificate, s.failure, s.downgraded, s.sessions, s.messages,
         d.recipient_domain, d.sessions, d.messages
  FROM session_counts AS s LEFT JOIN domain_counts AS d ON d.session_count = s.id
  WHERE s.day BETWEEN ?1 AND ?2
)sql";

class SqliteFold final : public FoldTransaction {
 public:
  SqliteFold(Database& database, Transaction transaction)
      : database_(database), transaction_(std::move(transaction)) {}

  Result<bool> is_folded(const std::string& segment) override { return has_segment(database_, segment); }

  Result<std::string> waiting() override {
    auto statement = TRY(database_.prepare("SELECT records FROM waiting"));
    const auto row = TRY(statement.step());
    return row ? statement.text(0) : std::string();
  }

  Result<Senders> senders(const std::set<std::string>& domains) override {
    Senders known;
    auto statement = TRY(database_.prepare(
        "SELECT tls_sessions, last_tls, best_tls, last_downgrade FROM senders WHERE domain = ?1"));
    for (const std::string& domain : domains) {
      const auto row = TRY(statement.bind(1, domain).step());
      if (row) known.emplace(domain, sender_in(statement, 0));
      statement.reset();
    }
    return known;
  }

  Result<Forgotten> forgotten() override {
    auto rows = TRY(database_.prepare("SELECT domain, forgotten_at FROM forgotten"));
    Forgotten found;
    TRY(for_each_row(rows, [&](const Statement& row) -> Result<void> {
      found.emplace(row.text(0), time_in(row, 1));
      return {};
    }));
    return found;
  }

  Result<void> add(const DailyCounts& counts) override {
    auto sessions = TRY(database_.prepare(add_sessions));
    auto domain = TRY(database_.prepare(add_domain));
    for (const auto& [of, count] : counts) {
      const auto id = TRY(add_total(sessions, of, count.total));
      for (const auto& [name, tally] : count.recipient_domains) {
        domain.bind(1, id)
            .bind(2, name)
            .bind(3, to_number(tally.sessions))
            .bind(4, to_number(tally.messages));
        TRY(domain.run());
      }
    }
    return {};
  }

  Result<void> add(const Senders& more) override {
    auto statement = TRY(database_.prepare(add_sender));
    for (const auto& [domain, sender] : more) {
      statement.bind(1, domain).bind(2, to_number(sender.tls_sessions)).bind(3, to_number(sender.last_tls));
      statement.bind(4, sender.best_tls);
      if (sender.last_downgrade) statement.bind(5, to_number(*sender.last_downgrade));
      TRY(statement.run());
    }
    return {};
  }

  Result<void> add(const std::vector<Downgrade>& downgrades) override {
    auto statement = TRY(database_.prepare(add_downgrade));
    for (const Downgrade& downgrade : downgrades) {
      statement.bind(1, downgrade.sender)
          .bind(2, to_number(downgrade.day))
          .bind(3, to_number(downgrade.sessions));
      statement.bind(4, to_number(downgrade.first_plaintext)).bind(5, to_number(downgrade.last_tls));
      statement.bind(6, downgrade.best_tls).bind(7, to_number(downgrade.tls_sessions));
      TRY(statement.run());
    }
    return {};
  }

  Result<void> set_waiting(const std::string& records) override {
    if (auto done = database_.execute("DELETE FROM waiting"); !done || records.empty()) return done;
    auto statement = TRY(database_.prepare("INSERT INTO waiting VALUES (?1)"));
    return statement.bind(1, records).run();
  }

  Result<void> record(const std::string& segment, Time now) override {
    auto statement = TRY(database_.prepare("INSERT INTO folded_segments (id, folded_at) VALUES (?1, ?2)"));
    return statement.bind(1, segment).bind(2, to_number(now)).run();
  }

  Result<void> commit() override { return transaction_.commit(); }

 private:
  static Result<std::int64_t> add_total(Statement& sessions, const SessionClass& of, const Tally& total) {
    sessions.bind(1, to_number(of.day)).bind(2, of.receiving_mx).bind(3, of.client_address);
    sessions.bind(4, of.client_name)
        .bind(5, to_string(of.outcome))
        .bind(6, of.tls_version)
        .bind(7, of.cipher);
    sessions.bind(8, std::int64_t{of.cipher_bits}).bind(9, to_string(of.client_certificate));
    sessions.bind(10, to_string(of.failure)).bind(11, std::int64_t{of.downgraded ? 1 : 0});
    sessions.bind(12, to_number(total.sessions)).bind(13, to_number(total.messages));
    TRY(sessions.step());
    const std::int64_t id = sessions.number(0);
    TRY(sessions.run());
    return id;
  }

  Database& database_;
  Transaction transaction_;
};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(SqliteFile file) : file_(std::move(file)), database_(file_.database()) {}

  Result<std::unique_ptr<FoldTransaction>> begin_fold() override {
    auto transaction = TRY(file_.begin());
    return std::make_unique<SqliteFold>(database_, std::move(transaction));
  }

  Result<Snapshot> read(const Period& period, const std::vector<std::string>& segments,
                        const CountSink& take) override {
    // In one read transaction all queries see the same moment.
    const auto transaction = TRY(Transaction::begin(database_, "DEFERRED"));
    TRY(read_counts(period, take));
    Snapshot snapshot;
    for (const std::string& segment : segments) {
      const auto known = TRY(has_segment(database_, segment));
      if (known) snapshot.folded.insert(segment);
    }
    auto waiting = TRY(database_.prepare("SELECT records FROM waiting"));
    TRY(for_each_row(waiting, [&](const Statement& row) -> Result<void> {
      snapshot.waiting.push_back(row.text(0));
      return {};
    }));
    return snapshot;
  }

  Result<void> forget_segments(Time folded_before) override {
    auto statement = TRY(database_.prepare("DELETE FROM folded_segments WHERE folded_at < ?1"));
    return statement.bind(1, to_number(folded_before)).run();
  }

  Result<std::size_t> prune(Day before, std::size_t max_rows) override {
    auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
    const std::int64_t changes_before = database_.total_changes();
    const std::string old = "(SELECT id FROM session_counts WHERE day < ?1 ORDER BY day, id LIMIT ?2)";
    for (const std::string& sql :
         {"DELETE FROM domain_counts WHERE session_count IN " + old,
          "DELETE FROM session_counts WHERE id IN " + old,
          std::string("DELETE FROM downgrades WHERE (day, sender) IN "
                      "(SELECT day, sender FROM downgrades WHERE day < ?1 LIMIT ?2)"),
          std::string("DELETE FROM senders WHERE domain IN "
                      "(SELECT domain FROM senders WHERE last_tls < ?1 * 86400000 LIMIT ?2)"),
          std::string("DELETE FROM forgotten WHERE domain IN "
                      "(SELECT domain FROM forgotten WHERE forgotten_at < ?1 * 86400000 LIMIT ?2)")}) {
      auto statement = TRY(database_.prepare(sql));
      statement.bind(1, to_number(before)).bind(2, static_cast<std::int64_t>(max_rows));
      TRY(statement.run());
    }
    TRY(transaction.commit());
    return static_cast<std::size_t>(database_.total_changes() - changes_before);
  }

  Result<std::vector<Downgrade>> downgrades(const Period& period) override {
    auto rows = TRY(database_.prepare(
        "SELECT sender, day, sessions, first_plaintext, last_tls, best_tls, tls_sessions FROM downgrades "
        "WHERE day BETWEEN ?1 AND ?2 ORDER BY day, sender"));
    rows.bind(1, to_number(period.since)).bind(2, to_number(period.until));
    std::vector<Downgrade> found;
    TRY(for_each_row(rows, [&](const Statement& row) -> Result<void> {
      found.push_back(downgrade_in(row));
      return {};
    }));
    return found;
  }

  Result<Senders> senders(std::uint64_t min_tls_sessions) override {
    auto rows = TRY(database_.prepare(
        "SELECT domain, tls_sessions, last_tls, best_tls, last_downgrade FROM senders WHERE tls_sessions >= "
        "?1"));
    rows.bind(1, to_number(min_tls_sessions));
    Senders found;
    TRY(for_each_row(rows, [&](const Statement& row) -> Result<void> {
      found.emplace(row.text(0), sender_in(row, 1));
      return {};
    }));
    return found;
  }

  Result<bool> forget_sender(const std::string& domain, Time now) override {
    auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
    const std::int64_t changes_before = database_.total_changes();
    auto statement = TRY(database_.prepare("DELETE FROM senders WHERE domain = ?1"));
    TRY(statement.bind(1, domain).run());
    const bool known = database_.total_changes() > changes_before;
    auto note =
        TRY(database_.prepare("INSERT INTO forgotten VALUES (?1, ?2) ON CONFLICT DO UPDATE SET "
                              "forgotten_at = max(forgotten_at, excluded.forgotten_at)"));
    note.bind(1, domain).bind(2, to_number(now));
    TRY(note.run());
    TRY(database_.execute("UPDATE forgettings SET number = number + 1"));
    TRY(transaction.commit());
    return known;
  }

  Result<std::int64_t> forget_generation() override {
    return database_.number("SELECT number FROM forgettings");
  }

 private:
  // The rows of a class, one for each recipient domain, follow each other.
  Result<void> read_counts(const Period& period, const CountSink& take) {
    auto rows = TRY(database_.prepare(read_counts_sql));
    rows.bind(1, to_number(period.since)).bind(2, to_number(period.until));
    SessionClass of;
    ClassCount count;
    std::int64_t id = -1;
    auto done = for_each_row(rows, [&](const Statement& row) -> Result<void> {
      if (row.number(0) != id) {
        if (id >= 0) take(of, count);
        id = row.number(0);
        auto next = TRY(class_in(row, day_in(row, 1), 2));
        of = std::move(next);
        count.total = tally_in(row, 12);
        count.recipient_domains.clear();
      }
      if (!row.is_null(14)) count.recipient_domains[row.text(14)] = tally_in(row, 15);
      return {};
    });
    if (done && id >= 0) take(of, count);
    return done;
  }

  SqliteFile file_;
  Database& database_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access) {
  auto opened = TRY(SqliteFile::open(file, schema(), access));
  return std::make_unique<SqliteStore>(std::move(opened));
}

Result<std::string> quarantine_if_corrupt(const std::filesystem::path& file, Time now) {
  const auto damaged = TRY(is_damaged(file));
  if (!damaged) return std::string();
  std::string aside = fmt::format("{}.damaged-{}", file.string(), now.time_since_epoch().count());
  // Moves SQLite's log, too: the database is incomplete without it.
  for (const char* suffix : {"-wal", "-shm", ""}) {
    std::error_code error;
    std::filesystem::rename(file.string() + suffix, aside + suffix, error);
    if (error && error != std::errc::no_such_file_or_directory)
      return fail(Fault::io, "{}: cannot be moved aside: {}", printable(file.string()), error.message());
  }
  return aside;
}

Result<bool> repair_embedded_store(const std::filesystem::path& file) {
  const auto aside = TRY(quarantine_if_corrupt(file, system_clock()()));
  if (aside.empty()) return false;
  log_error(
      "{}: the store is damaged; it was moved to {}, and a new one is created: reports have what is earlier "
      "only as "
      "far as it can be recovered from there",
      printable(file.string()), printable(aside));
  return true;
}

}  // namespace starttls::store
