#include <algorithm>
#include <array>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/try.h"
#include "postgres/batch.h"
#include "postgres/day_partitions.h"
#include "postgres/postgres.h"
#include "postgres/schema.h"
#include "postgres/shared_store.h"
#include "store/class_key.h"
#include "store/columns.h"
#include "store/store.h"

namespace starttls::store {
namespace {

using postgres::Batch;
using postgres::Connection;
using postgres::Parameters;
using postgres::Row;
using postgres::Transaction;

// Days are days since 1970-01-01, times are milliseconds since then, UTC. tlsrpt-store(5) describes all of
// it. `class` is class_key() of the class. The tables of days have a partition for each, so that old days are
// dropped and not deleted row by row.
constexpr const char* tables = R"sql(
  CREATE TABLE session_counts (
    day INTEGER NOT NULL,
    class UUID NOT NULL,
    receiving_mx TEXT NOT NULL,
    client_address TEXT NOT NULL,
    client_name TEXT NOT NULL,
    outcome TEXT NOT NULL,
    tls_version TEXT NOT NULL,
    cipher TEXT NOT NULL,
    cipher_bits BIGINT NOT NULL,
    client_certificate TEXT NOT NULL,
    failure TEXT NOT NULL,
    downgraded INTEGER NOT NULL,
    sessions BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    PRIMARY KEY (day, class)
  ) PARTITION BY LIST (day);
  CREATE TABLE domain_counts (
    day INTEGER NOT NULL,
    class UUID NOT NULL,
    recipient_domain TEXT NOT NULL,
    sessions BIGINT NOT NULL,
    messages BIGINT NOT NULL,
    PRIMARY KEY (day, class, recipient_domain)
  ) PARTITION BY LIST (day);
  CREATE TABLE folded_segments (
    id TEXT PRIMARY KEY,
    writer TEXT NOT NULL,
    folded_at BIGINT NOT NULL
  );
  CREATE INDEX folded_segments_of_writer ON folded_segments (writer, folded_at);
  CREATE TABLE waiting (
    writer TEXT PRIMARY KEY,
    records TEXT NOT NULL
  );
  CREATE TABLE senders (
    domain TEXT PRIMARY KEY,
    tls_sessions BIGINT NOT NULL,
    last_tls BIGINT NOT NULL,
    best_tls TEXT NOT NULL,
    last_downgrade INTEGER
  ) WITH (fillfactor = 50);
  CREATE TABLE downgrades (
    sender TEXT NOT NULL,
    day INTEGER NOT NULL,
    sessions BIGINT NOT NULL,
    first_plaintext BIGINT NOT NULL,
    last_tls BIGINT NOT NULL,
    best_tls TEXT NOT NULL,
    tls_sessions BIGINT NOT NULL,
    PRIMARY KEY (day, sender)
  ) PARTITION BY LIST (day);
  CREATE TABLE forgettings (
    number BIGINT NOT NULL
  );
  INSERT INTO forgettings VALUES (0);
  CREATE TABLE forgotten (
    domain TEXT PRIMARY KEY,
    forgotten_at BIGINT NOT NULL
  );
)sql";

// Version 1 did not store when a sender was forgotten.
constexpr const char* from_version_1 = R"sql(
  CREATE TABLE forgotten (
    domain TEXT PRIMARY KEY,
    forgotten_at BIGINT NOT NULL
  );
)sql";

// Version 2 had no partitions.
constexpr const char* from_version_2 = R"sql(
  LOCK TABLE session_counts, domain_counts, downgrades IN ACCESS EXCLUSIVE MODE;
  DO $$
  DECLARE
    name TEXT;
    number INTEGER;
  BEGIN
    FOREACH name IN ARRAY ARRAY['session_counts', 'domain_counts', 'downgrades'] LOOP
      EXECUTE format('ALTER TABLE %I RENAME TO without_partitions', name);
      EXECUTE format('ALTER INDEX %I RENAME TO without_partitions_pkey', name || '_pkey');
      EXECUTE format('CREATE TABLE %I (LIKE without_partitions INCLUDING ALL) PARTITION BY LIST (day)', name);
      FOR number IN EXECUTE 'SELECT DISTINCT day FROM without_partitions' LOOP
        EXECUTE format('CREATE TABLE %I PARTITION OF %I FOR VALUES IN (%s) WITH (fillfactor = 50)',
                       name || '_' || number, name, number);
      END LOOP;
      EXECUTE format('INSERT INTO %I SELECT * FROM without_partitions', name);
      EXECUTE 'DROP TABLE without_partitions';
    END LOOP;
  END
  $$;
)sql";
constexpr std::array<const char*, 2> upgrades{from_version_1, from_version_2};

constexpr postgres::Schema schema{.kind = "a store of tlsrpt-milter",
                                  .table = "tlsrpt_store",
                                  .version = 3,
                                  .statements = tables,
                                  .upgrades = upgrades};

// While half of a page is free, a row whose counts grow stays in its page and needs no new entry in an index.
constexpr const char* half_free = "WITH (fillfactor = 50)";
constexpr std::array<postgres::DayTable, 3> day_tables{
    {{"session_counts", half_free}, {"domain_counts", half_free}, {"downgrades", half_free}}};

// Rows are added in the order of their keys. So two hosts that add to the same rows wait for each other, but
// never in a circle. Each transaction also uses the tables in the same order.
constexpr const char* add_sessions = R"sql(
  INSERT INTO session_counts (day, class, receiving_mx, client_address, client_name, outcome, tls_version, cipher,
                              cipher_bits, client_certificate, failure, downgraded, sessions, messages)
  SELECT * FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::bigint[], $10::text[], $11::text[], $12::integer[], $13::bigint[],
                       $14::bigint[])
  ON CONFLICT (day, class) DO UPDATE SET sessions = session_counts.sessions + excluded.sessions,
                                         messages = session_counts.messages + excluded.messages
)sql";

constexpr const char* add_domains = R"sql(
  INSERT INTO domain_counts (day, class, recipient_domain, sessions, messages)
  SELECT * FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::bigint[], $5::bigint[])
  ON CONFLICT (day, class, recipient_domain)
    DO UPDATE SET sessions = domain_counts.sessions + excluded.sessions,
                  messages = domain_counts.messages + excluded.messages
)sql";

// Day -1 means no day.
constexpr const char* add_senders = R"sql(
  INSERT INTO senders (domain, tls_sessions, last_tls, best_tls, last_downgrade)
  SELECT domain, tls_sessions, last_tls, best_tls, nullif(last_downgrade, -1)
    FROM unnest($1::text[], $2::bigint[], $3::bigint[], $4::text[], $5::integer[])
      AS added (domain, tls_sessions, last_tls, best_tls, last_downgrade)
  ON CONFLICT (domain)
    DO UPDATE SET tls_sessions = senders.tls_sessions + excluded.tls_sessions,
                  last_tls = greatest(senders.last_tls, excluded.last_tls),
                  best_tls = greatest(senders.best_tls, excluded.best_tls),
                  last_downgrade = greatest(senders.last_downgrade, excluded.last_downgrade)
)sql";

constexpr const char* add_downgrades = R"sql(
  INSERT INTO downgrades (sender, day, sessions, first_plaintext, last_tls, best_tls, tls_sessions)
  SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::text[], $7::bigint[])
  ON CONFLICT (day, sender) DO UPDATE SET sessions = downgrades.sessions + excluded.sessions
)sql";

constexpr postgres::SharedStoreKind kind{
    .schema = &schema,
    .add_writer = "INSERT INTO waiting (writer, records) VALUES ($1, '') ON CONFLICT (writer) DO NOTHING",
    .lock_writer =
        "SELECT s.version, w.records FROM tlsrpt_store AS s, waiting AS w WHERE w.writer = $1 "
        "FOR SHARE OF s FOR UPDATE OF w"};

constexpr std::int64_t no_day = -1;

Result<void> run(Connection& connection, const char* sql, const Parameters& parameters) {
  TRY(connection.execute(sql, parameters));
  return {};
}

class PostgresFold final : public FoldTransaction {
 public:
  PostgresFold(Connection& connection, Transaction transaction, const std::string& writer,
               std::string waiting)
      : connection_(connection),
        transaction_(std::move(transaction)),
        writer_(writer),
        waiting_(std::move(waiting)) {}

  Result<bool> is_folded(const std::string& segment) override {
    return TRY(connection_.number("SELECT count(*) FROM folded_segments WHERE id = $1",
                                  Parameters().add(segment))) > 0;
  }

  Result<std::string> waiting() override { return waiting_; }

  Result<Senders> senders(const std::set<std::string>& domains) override {
    Senders known;
    TRY(connection_.read(
        "SELECT domain, tls_sessions, last_tls, best_tls, last_downgrade FROM senders WHERE domain = "
        "ANY($1::text[])",
        Parameters().add(postgres::to_array(domains)), [&](const Row& row) -> Result<void> {
          known.emplace(text_in(row, 0), sender_in(row, 1));
          return {};
        }));
    return known;
  }

  Result<Forgotten> forgotten() override {
    Forgotten found;
    TRY(connection_.read("SELECT domain, forgotten_at FROM forgotten", {},
                         [&](const Row& row) -> Result<void> {
                           found.emplace(text_in(row, 0), time_in(row, 1));
                           return {};
                         }));
    return found;
  }

  Result<void> add(const DailyCounts& counts) override {
    std::set<Day> days;
    for (const auto& [of, count] : counts) days.insert(of.day);
    TRY(postgres::ensure_partitions(connection_, day_tables, days));
    Batch<14> sessions(connection_, add_sessions);
    Batch<5> domains(connection_, add_domains);
    const auto flush = [&] {
      // Lock the row of a class before the rows of its domains.
      auto done = sessions.flush();
      return done ? domains.flush() : done;
    };
    for (const auto& [of, count] : counts) {
      const std::string key = class_key(of);
      sessions.add(to_number(of.day), key, of.receiving_mx, of.client_address, of.client_name,
                   to_string(of.outcome), of.tls_version, of.cipher, std::int64_t{of.cipher_bits},
                   to_string(of.client_certificate), to_string(of.failure),
                   std::int64_t{of.downgraded ? 1 : 0}, to_number(count.total.sessions),
                   to_number(count.total.messages));
      for (const auto& [name, tally] : count.recipient_domains) {
        domains.add(to_number(of.day), key, name, to_number(tally.sessions), to_number(tally.messages));
      }
      if (!sessions.is_full() && !domains.is_full()) continue;
      TRY(flush());
    }
    return flush();
  }

  Result<void> add(const Senders& more) override {
    Batch<5> batch(connection_, add_senders);
    for (const auto& [domain, sender] : more) {
      batch.add(domain, to_number(sender.tls_sessions), to_number(sender.last_tls), sender.best_tls,
                sender.last_downgrade ? to_number(*sender.last_downgrade) : no_day);
      if (!batch.is_full()) continue;
      TRY(batch.flush());
    }
    return batch.flush();
  }

  Result<void> add(const std::vector<Downgrade>& downgrades) override {
    std::set<Day> days;
    for (const Downgrade& downgrade : downgrades) days.insert(downgrade.day);
    TRY(postgres::ensure_partitions(connection_, day_tables, days));
    Batch<7> batch(connection_, add_downgrades);
    for (const Downgrade& downgrade : downgrades) {
      batch.add(downgrade.sender, to_number(downgrade.day), to_number(downgrade.sessions),
                to_number(downgrade.first_plaintext), to_number(downgrade.last_tls), downgrade.best_tls,
                to_number(downgrade.tls_sessions));
      if (!batch.is_full()) continue;
      TRY(batch.flush());
    }
    return batch.flush();
  }

  Result<void> set_waiting(const std::string& records) override {
    return run(connection_, "UPDATE waiting SET records = $2 WHERE writer = $1",
               Parameters().add(writer_).add(records));
  }

  Result<void> record(const std::string& segment, Time now) override {
    return run(connection_, "INSERT INTO folded_segments (id, writer, folded_at) VALUES ($1, $2, $3)",
               Parameters().add(segment).add(writer_).add(to_number(now)));
  }

  Result<void> commit() override { return transaction_.commit(); }

 private:
  Connection& connection_;
  Transaction transaction_;
  const std::string& writer_;
  std::string waiting_;
};

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(postgres::SharedStore shared) : shared_(std::move(shared)) {}

  Result<std::unique_ptr<FoldTransaction>> begin_fold() override {
    std::string waiting;
    auto transaction = TRY(shared_.begin_writing([&](const Row& row) -> Result<void> {
      waiting = row.text(1);
      return {};
    }));
    return std::make_unique<PostgresFold>(connection_, std::move(transaction), shared_.writer(),
                                          std::move(waiting));
  }

  Result<Snapshot> read(const Period& period, const std::vector<std::string>& segments,
                        const CountSink& take) override {
    // In such a transaction all queries see the same moment.
    const auto transaction =
        TRY(Transaction::begin(connection_, "ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
    DailyCounts counts;
    TRY(read_counts(period, counts));
    Snapshot snapshot;
    TRY(connection_.read("SELECT id FROM folded_segments WHERE id = ANY($1::text[])",
                         Parameters().add(postgres::to_array(segments)), [&](const Row& row) -> Result<void> {
                           snapshot.folded.insert(text_in(row, 0));
                           return {};
                         }));
    TRY(connection_.read("SELECT records FROM waiting WHERE records <> ''", {},
                         [&](const Row& row) -> Result<void> {
                           snapshot.waiting.push_back(text_in(row, 0));
                           return {};
                         }));
    for (const auto& [of, count] : counts) take(of, count);
    return snapshot;
  }

  Result<void> forget_segments(Time folded_before) override {
    return run(connection_, "DELETE FROM folded_segments WHERE writer = $1 AND folded_at < $2",
               Parameters().add(shared_.writer()).add(to_number(folded_before)));
  }

  Result<std::size_t> prune(Day before, std::size_t max_rows) override {
    const auto dropped = TRY(postgres::drop_partitions(connection_, day_tables, before));
    std::int64_t removed = dropped.rows;
    const auto limits = Parameters().add(to_number(before)).add(static_cast<std::int64_t>(max_rows));
    // What is known of a sender belongs to no day. Skips rows that a running fold has locked until the next time,
    // so that neither waits for the other.
    for (const char* sql :
         {"DELETE FROM senders WHERE domain IN (SELECT domain FROM senders "
          "WHERE last_tls < $1::bigint * 86400000 ORDER BY domain LIMIT $2 FOR UPDATE SKIP LOCKED)",
          "DELETE FROM forgotten WHERE domain IN (SELECT domain FROM forgotten "
          "WHERE forgotten_at < $1::bigint * 86400000 ORDER BY domain LIMIT $2 FOR UPDATE SKIP LOCKED)"}) {
      removed += TRY(connection_.execute(sql, limits));
    }
    return static_cast<std::size_t>(removed);
  }

  Result<std::vector<Downgrade>> downgrades(const Period& period) override {
    std::vector<Downgrade> found;
    TRY(connection_.read(
        "SELECT sender, day, sessions, first_plaintext, last_tls, best_tls, tls_sessions FROM downgrades "
        "WHERE day BETWEEN $1 AND $2",
        day_parameters(period), [&](const Row& row) -> Result<void> {
          found.push_back(downgrade_in(row));
          return {};
        }));
    // Sorted here, since the database may order texts in another way.
    std::ranges::sort(found, {}, [](const Downgrade& one) { return std::tie(one.day, one.sender); });
    return found;
  }

  Result<Senders> senders(std::uint64_t min_tls_sessions) override {
    Senders found;
    TRY(connection_.read(
        "SELECT domain, tls_sessions, last_tls, best_tls, last_downgrade FROM senders WHERE tls_sessions >= "
        "$1",
        Parameters().add(to_number(min_tls_sessions)), [&](const Row& row) -> Result<void> {
          found.emplace(text_in(row, 0), sender_in(row, 1));
          return {};
        }));
    return found;
  }

  Result<bool> forget_sender(const std::string& domain, Time now) override {
    auto transaction = TRY(Transaction::begin(connection_));
    const auto removed =
        TRY(connection_.execute("DELETE FROM senders WHERE domain = $1", Parameters().add(domain)));
    TRY(run(connection_,
            "INSERT INTO forgotten VALUES ($1, $2) ON CONFLICT (domain) DO UPDATE SET "
            "forgotten_at = greatest(forgotten.forgotten_at, excluded.forgotten_at)",
            Parameters().add(domain).add(to_number(now))));
    TRY(run(connection_, "UPDATE forgettings SET number = number + 1", {}));
    TRY(transaction.commit());
    return removed > 0;
  }

  Result<std::int64_t> forget_generation() override {
    return connection_.number("SELECT number FROM forgettings");
  }

 private:
  static Parameters day_parameters(const Period& period) {
    return Parameters().add(to_number(period.since)).add(to_number(period.until));
  }

  Result<void> read_counts(const Period& period, DailyCounts& counts) {
    std::unordered_map<std::string, ClassCount*> by_key;
    const auto id = [](const Row& row) { return fmt::format("{} {}", row.text(0), row.text(1)); };
    TRY(connection_.read(
        "SELECT day, class, receiving_mx, client_address, client_name, outcome, tls_version, cipher, "
        "cipher_bits, "
        "client_certificate, failure, downgraded, sessions, messages FROM session_counts WHERE day BETWEEN "
        "$1 AND $2",
        day_parameters(period), [&](const Row& row) -> Result<void> {
          const auto of = TRY(class_in(row, day_in(row, 0), 2));
          ClassCount& count = counts[of];
          count.total += tally_in(row, 12);
          by_key.emplace(id(row), &count);
          return {};
        }));
    return connection_.read(
        "SELECT day, class, recipient_domain, sessions, messages FROM domain_counts WHERE day BETWEEN $1 AND "
        "$2",
        day_parameters(period), [&](const Row& row) -> Result<void> {
          const auto found = by_key.find(id(row));
          if (found != by_key.end()) found->second->recipient_domains[text_in(row, 2)] += tally_in(row, 3);
          return {};
        });
  }

  postgres::SharedStore shared_;
  Connection& connection_ = shared_.connection();
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const std::string& url, const std::string& writer,
                                                   Access access) {
  auto shared = TRY(postgres::SharedStore::open(url, access == Access::owner ? writer : "", kind));
  return std::make_unique<PostgresStore>(std::move(shared));
}

}  // namespace starttls::store
