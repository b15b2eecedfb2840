#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "base/try.h"
#include "outbound/columns.h"
#include "outbound/store.h"
#include "sqlite/schema.h"
#include "sqlite/sqlite.h"
#include "store/sqlite_file.h"

namespace starttls::outbound {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;
using store::for_each_row;
using store::to_number;

// Days are days since 1970-01-01, times are milliseconds since then, UTC. tlsrpt-store(5) describes all of it.
constexpr const char* version_1 = R"sql(
  CREATE TABLE outbound_counts (
    day INTEGER NOT NULL,
    policy TEXT NOT NULL,
    domain TEXT NOT NULL,
    source TEXT NOT NULL,
    policy_type TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    PRIMARY KEY (day, policy)
  ) WITHOUT ROWID;
  CREATE INDEX outbound_counts_of_domain ON outbound_counts (domain, day);
  CREATE TABLE outbound_texts (
    day INTEGER NOT NULL,
    policy TEXT NOT NULL,
    record TEXT NOT NULL,
    policy_strings TEXT NOT NULL,
    mx_hosts TEXT NOT NULL,
    PRIMARY KEY (day, policy)
  ) WITHOUT ROWID;
  CREATE TABLE outbound_failures (
    day INTEGER NOT NULL,
    policy TEXT NOT NULL,
    failure TEXT NOT NULL,
    result_type TEXT NOT NULL,
    sending_mta_ip TEXT NOT NULL,
    receiving_mx_hostname TEXT NOT NULL,
    receiving_mx_helo TEXT NOT NULL,
    receiving_ip TEXT NOT NULL,
    additional_information TEXT NOT NULL,
    failure_reason_code TEXT NOT NULL,
    sessions INTEGER NOT NULL,
    PRIMARY KEY (day, policy, failure)
  ) WITHOUT ROWID;
  CREATE TABLE outbound_days (
    day INTEGER PRIMARY KEY,
    results INTEGER NOT NULL,
    malformed INTEGER NOT NULL,
    left_out INTEGER NOT NULL
  );
  CREATE TABLE folded_segments (
    id TEXT PRIMARY KEY,
    folded_at INTEGER NOT NULL
  ) WITHOUT ROWID;
)sql";

// A fold adds to the counts of most domains of the day. So these have a table of their own, of numbers only: all of them
// are on few pages, and each is found by the id of its policy. An id is never used again: who knows the id of a row that
// was removed finds none. The texts of a policy have a table of their own, because they are removed earlier. The views have
// the names and columns of the tables of version 1, and of the store of PostgreSQL.
constexpr const char* to_version_2 = R"sql(
  CREATE TABLE outbound_policies (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    day INTEGER NOT NULL,
    policy TEXT NOT NULL,
    domain TEXT NOT NULL,
    source TEXT NOT NULL,
    policy_type TEXT NOT NULL,
    policy_domain TEXT NOT NULL,
    UNIQUE (day, policy)
  );
  CREATE INDEX outbound_policies_of_domain ON outbound_policies (domain, day);
  CREATE TABLE outbound_policy_counts (
    id INTEGER PRIMARY KEY,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL
  );
  CREATE TABLE outbound_policy_texts (
    id INTEGER PRIMARY KEY,
    day INTEGER NOT NULL,
    record TEXT NOT NULL,
    policy_strings TEXT NOT NULL,
    mx_hosts TEXT NOT NULL
  );
  CREATE INDEX outbound_policy_texts_of_day ON outbound_policy_texts (day);

  INSERT INTO outbound_policies (day, policy, domain, source, policy_type, policy_domain)
    SELECT day, policy, domain, source, policy_type, policy_domain FROM outbound_counts ORDER BY day, policy;
  INSERT INTO outbound_policy_counts (id, successful, failed)
    SELECT p.id, c.successful, c.failed FROM outbound_policies AS p JOIN outbound_counts AS c USING (day, policy);
  INSERT INTO outbound_policy_texts (id, day, record, policy_strings, mx_hosts)
    SELECT p.id, p.day, t.record, t.policy_strings, t.mx_hosts
    FROM outbound_policies AS p JOIN outbound_texts AS t USING (day, policy);
  DROP TABLE outbound_counts;
  DROP TABLE outbound_texts;

  CREATE VIEW outbound_counts AS
    SELECT p.day, p.policy, p.domain, p.source, p.policy_type, p.policy_domain, c.successful, c.failed
    FROM outbound_policies AS p JOIN outbound_policy_counts AS c USING (id);
  CREATE VIEW outbound_texts AS
    SELECT p.day, p.policy, t.record, t.policy_strings, t.mx_hosts
    FROM outbound_policies AS p JOIN outbound_policy_texts AS t USING (id);
)sql";

const sqlite::Schema& store_schema() {
  static const std::string statements = std::string(version_1) + to_version_2;
  static const std::array<const char*, 1> upgrades{to_version_2};
  static const sqlite::Schema known{.kind = "a store of tlsrpt-collector",
                                    .application_id = 0x53544B4F,  // "STKO"
                                    .version = 2,
                                    .statements = statements.c_str(),
                                    .upgrades = upgrades};
  return known;
}

constexpr std::string_view insert_policy = R"sql(
  INSERT OR IGNORE INTO outbound_policies (day, policy, domain, source, policy_type, policy_domain)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6)
)sql";
constexpr std::string_view find_policy = "SELECT id FROM outbound_policies WHERE day = ?1 AND policy = ?2";
constexpr std::string_view insert_count =
    "INSERT INTO outbound_policy_counts (id, successful, failed) VALUES (?1, ?2, ?3)";
constexpr std::string_view update_count = R"sql(
  UPDATE outbound_policy_counts SET successful = successful + ?2, failed = failed + ?3 WHERE id = ?1
)sql";
constexpr std::string_view insert_texts = R"sql(
  INSERT INTO outbound_policy_texts (id, day, record, policy_strings, mx_hosts) VALUES (?1, ?2, ?3, ?4, ?5)
)sql";
constexpr std::string_view update_failure = R"sql(
  UPDATE outbound_failures SET sessions = sessions + ?4 WHERE day = ?1 AND policy = ?2 AND failure = ?3
)sql";
constexpr std::string_view insert_failure = R"sql(
  INSERT INTO outbound_failures (day, policy, failure, sessions, result_type, sending_mta_ip, receiving_mx_hostname,
                                 receiving_mx_helo, receiving_ip, additional_information, failure_reason_code)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
)sql";
constexpr std::string_view add_day = R"sql(
  INSERT INTO outbound_days (day, results, malformed, left_out) VALUES (?1, ?2, ?3, ?4)
  ON CONFLICT DO UPDATE SET results = results + excluded.results, malformed = malformed + excluded.malformed,
                            left_out = left_out + excluded.left_out
)sql";

// The columns as PolicyRows takes them.
constexpr std::string_view read_policies = R"sql(
  SELECT p.day, p.policy, p.domain, p.source, p.policy_type, p.policy_domain, t.record, t.policy_strings,
         t.mx_hosts, c.successful, c.failed, f.result_type, f.sending_mta_ip, f.receiving_mx_hostname,
         f.receiving_mx_helo, f.receiving_ip, f.additional_information, f.failure_reason_code, f.sessions
  FROM outbound_policies AS p
  JOIN outbound_policy_counts AS c USING (id)
  LEFT JOIN outbound_policy_texts AS t USING (id)
  LEFT JOIN outbound_failures AS f ON f.day = p.day AND f.policy = p.policy
  WHERE p.day BETWEEN ?1 AND ?2 AND (?3 = '' OR p.domain = ?3)
  ORDER BY p.domain, p.day, p.policy
)sql";

// The rows of each day in the tables that are limited.
struct DaySize {
  std::uint64_t policies = 0;
  std::uint64_t failures = 0;
};
using DaySizes = std::map<Day, DaySize>;

class SqliteFold final : public FoldTransaction {
 public:
  SqliteFold(Database& database, Transaction transaction, DaySizes& sizes)
      : database_(database), transaction_(std::move(transaction)), kept_sizes_(sizes), sizes_(sizes) {}

  Result<bool> is_folded(const std::string& segment) override {
    return store::has_segment(database_, segment);
  }

  Result<std::optional<LeftOut>> add(AddedPolicies& policies, const std::vector<KnownCount>& known,
                                     const Limits& limits) override {
    Statements statements{.insert_policy = TRY(database_.prepare(insert_policy)),
                          .find_policy = TRY(database_.prepare(find_policy)),
                          .insert_count = TRY(database_.prepare(insert_count)),
                          .update_count = TRY(database_.prepare(update_count)),
                          .insert_texts = TRY(database_.prepare(insert_texts)),
                          .update_failure = TRY(database_.prepare(update_failure)),
                          .insert_failure = TRY(database_.prepare(insert_failure))};
    for (const KnownCount& row : known) {
      if (!TRY(add_to(statements.update_count, row.row, {.successful = row.successful}))) return std::nullopt;
    }
    LeftOut left_out;
    for (auto& [id, policy] : policies) {
      const std::string key = store::to_row_key(id.digest);
      const PolicyCount& count = policy.count;
      const auto row = TRY(add_count(statements, id.day, key, policy, limits));
      if (!row) {
        left_out[id.day] += count.successful + count.failed;
        continue;
      }
      policy.row = *row;
      for (const auto& [failure, sessions] : count.failures)
        TRY(add_failure(statements, id.day, key, failure, sessions, limits));
    }
    return left_out;
  }

  Result<void> add(const DayTotals& days) override {
    auto statement = TRY(database_.prepare(add_day));
    for (const auto& [day, total] : days) {
      statement.bind(1, to_number(day)).bind(2, to_number(total.results)).bind(3, to_number(total.malformed));
      TRY(statement.bind(4, to_number(total.left_out)).run());
    }
    return {};
  }

  Result<void> record(const std::string& segment, Time now) override {
    auto statement = TRY(database_.prepare("INSERT INTO folded_segments (id, folded_at) VALUES (?1, ?2)"));
    return statement.bind(1, segment).bind(2, to_number(now)).run();
  }

  Result<void> commit() override {
    TRY(transaction_.commit());
    kept_sizes_ = std::move(sizes_);
    return {};
  }

 private:
  struct Statements {
    Statement insert_policy;
    Statement find_policy;
    Statement insert_count;
    Statement update_count;
    Statement insert_texts;
    Statement update_failure;
    Statement insert_failure;
  };

  Result<DaySize*> size_of(Day day) {
    const auto found = sizes_.find(day);
    if (found != sizes_.end()) return &found->second;
    const std::string where = fmt::format(" WHERE day = {}", to_number(day));
    const auto policies = TRY(database_.number("SELECT count(*) FROM outbound_policies" + where));
    const auto failures = TRY(database_.number("SELECT count(*) FROM outbound_failures" + where));
    return &sizes_
                .emplace(day, DaySize{.policies = static_cast<std::uint64_t>(policies),
                                      .failures = static_cast<std::uint64_t>(failures)})
                .first->second;
  }

  // Runs the statement; whether it has changed a row.
  Result<bool> changes_row(Statement& statement) {
    const std::int64_t before = database_.total_changes();
    TRY(statement.run());
    return database_.total_changes() > before;
  }

  // False where there is no such row.
  Result<bool> add_to(Statement& update, std::int64_t row, const PolicyCount& count) {
    return changes_row(
        update.bind(1, row).bind(2, to_number(count.successful)).bind(3, to_number(count.failed)));
  }

  // The row that it is added to; none where it is beyond the limit. Most policies that are not known are new.
  Result<std::optional<std::int64_t>> add_count(Statements& statements, Day day, const std::string& key,
                                                const AddedPolicy& policy, const Limits& limits) {
    DaySize* const size = TRY(size_of(day));
    if (size->policies < limits.max_policies &&
        TRY(insert(statements.insert_policy, day, key, policy.texts))) {
      ++size->policies;
      const std::int64_t row = database_.last_inserted_row();
      TRY(insert(statements.insert_count, row, policy.count));
      TRY(insert(statements.insert_texts, row, day, policy.texts));
      return row;
    }
    Statement& find = statements.find_policy;
    const bool found = TRY(find.bind(1, to_number(day)).bind_view(2, key).step());
    const auto row = found ? std::optional(find.number(0)) : std::nullopt;
    find.reset();
    if (row && !TRY(add_to(statements.update_count, *row, policy.count)))
      return fail(Fault::data, "the store has lost the count of a policy");
    return row;
  }

  // False where the day has that policy.
  Result<bool> insert(Statement& statement, Day day, const std::string& key, const PolicyTexts& texts) {
    statement.bind(1, to_number(day)).bind_view(2, key).bind_view(3, texts.domain);
    statement.bind_view(4, source_words.word(texts.source)).bind_view(5, texts.policy_type);
    return changes_row(statement.bind_view(6, texts.policy_domain));
  }

  static Result<void> insert(Statement& statement, std::int64_t row, const PolicyCount& count) {
    return statement.bind(1, row).bind(2, to_number(count.successful)).bind(3, to_number(count.failed)).run();
  }

  static Result<void> insert(Statement& statement, std::int64_t row, Day day, const PolicyTexts& texts) {
    statement.bind(1, row).bind(2, to_number(day)).bind_view(3, texts.record);
    return statement.bind_view(4, texts.policy_strings).bind_view(5, texts.mx_hosts).run();
  }

  Result<void> add_failure(Statements& statements, Day day, const std::string& policy, const Failure& failure,
                           std::uint64_t sessions, const Limits& limits) {
    const std::string key = key_of(failure);
    const auto bind = [&](Statement& statement) -> Statement& {
      return statement.bind(1, to_number(day))
          .bind_view(2, policy)
          .bind_view(3, key)
          .bind(4, to_number(sessions));
    };
    if (TRY(changes_row(bind(statements.update_failure)))) return {};
    DaySize* const size = TRY(size_of(day));
    const bool has_texts = failure != Failure{.result_type = failure.result_type};
    if (size->failures >= limits.max_policies && has_texts)
      return add_failure(statements, day, policy, {.result_type = failure.result_type}, sessions, limits);
    bind(statements.insert_failure)
        .bind_view(5, failure.result_type)
        .bind_view(6, failure.sending_mta_ip)
        .bind_view(7, failure.receiving_mx_hostname)
        .bind_view(8, failure.receiving_mx_helo)
        .bind_view(9, failure.receiving_ip)
        .bind_view(10, failure.additional_information)
        .bind_view(11, failure.failure_reason_code);
    TRY(statements.insert_failure.run());
    ++size->failures;
    return {};
  }

  Database& database_;
  Transaction transaction_;
  DaySizes& kept_sizes_;
  DaySizes sizes_;
};

// What is removed by the day.
struct DayTable {
  const char* name;
  const char* key;
  const char* counts = nullptr;  // a table that has a row for each of its rows, with the same key
};
constexpr DayTable texts_of_day{.name = "outbound_policy_texts", .key = "id"};
constexpr std::array<DayTable, 3> tables_of_day{
    {{.name = "outbound_failures", .key = "day, policy, failure"},
     {.name = "outbound_policies", .key = "id", .counts = "outbound_policy_counts"},
     {.name = "outbound_days", .key = "day"}}};

class SqliteStore final : public Store {
 public:
  explicit SqliteStore(store::SqliteFile file) : file_(std::move(file)), database_(file_.database()) {}

  Result<std::unique_ptr<FoldTransaction>> begin_fold() override {
    auto transaction = TRY(file_.begin());
    return std::make_unique<SqliteFold>(database_, std::move(transaction), sizes_);
  }

  Result<DayTotals> read(const Query& query, const FoldedSink& folded, const CountSink& take) override {
    // In one read transaction all queries see the same moment.
    const auto transaction = TRY(Transaction::begin(database_, "DEFERRED"));
    std::set<std::string> known;
    for (const std::string& segment : query.segments) {
      if (TRY(store::has_segment(database_, segment))) known.insert(segment);
    }
    TRY(folded(known));
    if (take) {
      auto rows = TRY(database_.prepare(read_policies));
      bind_period(rows, query.period).bind(3, query.domain);
      PolicyRows policies(take);
      TRY(for_each_row(rows, [&](const Statement& row) { return policies.add(row); }));
      TRY(policies.finish());
    }
    return read_days(query.period);
  }

  Result<void> forget_segments(Time folded_before) override {
    auto statement = TRY(database_.prepare("DELETE FROM folded_segments WHERE folded_at < ?1"));
    return statement.bind(1, to_number(folded_before)).run();
  }

  Result<std::size_t> prune(Day before, Day texts_before) override {
    TRY(remove_days(texts_of_day, texts_before));
    std::size_t removed = 0;
    for (const DayTable& table : tables_of_day) {
      const auto days = TRY(remove_days(table, before));
      removed = std::max(removed, days);
    }
    std::erase_if(sizes_, [&](const auto& size) { return size.first < before; });
    return removed;
  }

 private:
  static Statement& bind_period(Statement& statement, const Period& period) {
    return statement.bind(1, to_number(period.since)).bind(2, to_number(period.until));
  }

  Result<DayTotals> read_days(const Period& period) {
    auto rows = TRY(database_.prepare(
        "SELECT day, results, malformed, left_out FROM outbound_days WHERE day BETWEEN ?1 AND ?2"));
    bind_period(rows, period);
    DayTotals days;
    TRY(for_each_row(rows, [&](const Statement& row) -> Result<void> {
      days[store::day_in(row, 0)] = day_total_in(row, 1);
      return {};
    }));
    return days;
  }

  static constexpr int max_removed_rows = 5'000;  // in one transaction, so that no fold waits for long

  // Returns how many days were removed.
  Result<std::size_t> remove_days(const DayTable& table, Day before) {
    std::size_t removed = 0;
    for (;;) {
      auto oldest = TRY(database_.prepare(
          fmt::format("SELECT day FROM {} WHERE day < ?1 ORDER BY day LIMIT 1", table.name)));
      const auto found = TRY(oldest.bind(1, to_number(before)).step());
      if (!found) return removed;
      TRY(remove_day(table, oldest.number(0)));
      ++removed;
    }
  }

  Result<void> remove_day(const DayTable& table, std::int64_t day) {
    // Both statements of a transaction find the same rows.
    const std::string rows = fmt::format("SELECT {1} FROM {0} WHERE day = ?1 ORDER BY {1} LIMIT {2}",
                                         table.name, table.key, max_removed_rows);
    for (;;) {
      auto transaction = TRY(file_.begin());
      if (table.counts != nullptr) TRY(remove_rows(table.counts, table.key, rows, day));
      const auto removed = TRY(remove_rows(table.name, table.key, rows, day));
      TRY(transaction.commit());
      if (removed < max_removed_rows) return {};
    }
  }

  Result<std::int64_t> remove_rows(const char* table, const char* key, const std::string& rows,
                                   std::int64_t day) {
    const std::int64_t before = database_.total_changes();
    auto statement =
        TRY(database_.prepare(fmt::format("DELETE FROM {} WHERE ({}) IN ({})", table, key, rows)));
    TRY(statement.bind(1, day).run());
    return database_.total_changes() - before;
  }

  store::SqliteFile file_;
  Database& database_;
  DaySizes sizes_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access) {
  auto opened = TRY(store::SqliteFile::open(file, store_schema(), access));
  return std::make_unique<SqliteStore>(std::move(opened));
}

}  // namespace starttls::outbound
