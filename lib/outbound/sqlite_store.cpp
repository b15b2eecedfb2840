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
// The texts of a policy have a table of their own, because they are removed earlier.
constexpr const char* tables = R"sql(
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

constexpr sqlite::Schema schema{.kind = "a store of tlsrpt-collector",
                                .application_id = 0x53544B4F,  // "STKO"
                                .version = 1,
                                .statements = tables,
                                .upgrades = {}};

constexpr std::string_view update_count = R"sql(
  UPDATE outbound_counts SET successful = successful + ?3, failed = failed + ?4 WHERE day = ?1 AND policy = ?2
)sql";
constexpr std::string_view insert_count = R"sql(
  INSERT INTO outbound_counts (day, policy, successful, failed, domain, source, policy_type, policy_domain)
  VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
)sql";
constexpr std::string_view insert_texts = R"sql(
  INSERT OR IGNORE INTO outbound_texts (day, policy, record, policy_strings, mx_hosts) VALUES (?1, ?2, ?3, ?4, ?5)
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
  SELECT c.day, c.policy, c.domain, c.source, c.policy_type, c.policy_domain, t.record, t.policy_strings,
         t.mx_hosts, c.successful, c.failed, f.result_type, f.sending_mta_ip, f.receiving_mx_hostname,
         f.receiving_mx_helo, f.receiving_ip, f.additional_information, f.failure_reason_code, f.sessions
  FROM outbound_counts AS c
  LEFT JOIN outbound_texts AS t ON t.day = c.day AND t.policy = c.policy
  LEFT JOIN outbound_failures AS f ON f.day = c.day AND f.policy = c.policy
  WHERE c.day BETWEEN ?1 AND ?2 AND (?3 = '' OR c.domain = ?3)
  ORDER BY c.domain, c.day, c.policy
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

  Result<std::optional<LeftOut>> add(const DailyCounts& counts, const std::vector<KnownCount>& known,
                                     const Limits& limits) override {
    Statements statements{.update_count = TRY(database_.prepare(update_count)),
                          .insert_count = TRY(database_.prepare(insert_count)),
                          .insert_texts = TRY(database_.prepare(insert_texts)),
                          .update_failure = TRY(database_.prepare(update_failure)),
                          .insert_failure = TRY(database_.prepare(insert_failure))};
    for (const KnownCount& row : known) {
      if (!TRY(add_known(statements.update_count, row))) return std::nullopt;
    }
    LeftOut left_out;
    for (const auto& [day, digest, counted] : in_order_of_rows(counts)) {
      const auto& [of, count] = *counted;
      const std::string key = store::to_row_key(digest);
      const auto added = TRY(add_count(statements, of, key, count, limits));
      if (!added) {
        left_out[of.day] += count.successful + count.failed;
        continue;
      }
      for (const auto& [failure, sessions] : count.failures)
        TRY(add_failure(statements, of.day, key, failure, sessions, limits));
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
    Statement update_count;
    Statement insert_count;
    Statement insert_texts;
    Statement update_failure;
    Statement insert_failure;
  };

  Result<DaySize*> size_of(Day day) {
    const auto found = sizes_.find(day);
    if (found != sizes_.end()) return &found->second;
    const std::string where = fmt::format(" WHERE day = {}", to_number(day));
    const auto policies = TRY(database_.number("SELECT count(*) FROM outbound_counts" + where));
    const auto failures = TRY(database_.number("SELECT count(*) FROM outbound_failures" + where));
    return &sizes_
                .emplace(day, DaySize{.policies = static_cast<std::uint64_t>(policies),
                                      .failures = static_cast<std::uint64_t>(failures)})
                .first->second;
  }

  struct Row {
    Day day;
    store::RowDigest policy;
    const DailyCounts::value_type* counted;
  };

  // Each page of the tables is then read and written once.
  static std::vector<Row> in_order_of_rows(const DailyCounts& counts) {
    std::vector<Row> rows;
    rows.reserve(counts.size());
    for (const auto& counted : counts)
      rows.push_back({counted.first.day, digest_of(counted.first.policy), &counted});
    std::ranges::sort(rows, {}, [](const Row& row) { return std::pair(row.day, row.policy); });
    return rows;
  }

  // Runs the statement; whether it has changed a row.
  Result<bool> changes_row(Statement& statement) {
    const std::int64_t before = database_.total_changes();
    TRY(statement.run());
    return database_.total_changes() > before;
  }

  // False where there is no such row.
  Result<bool> add_known(Statement& update, const KnownCount& row) {
    const std::string key = store::to_row_key(row.policy);
    update.bind(1, to_number(row.day)).bind_view(2, key).bind(3, to_number(row.successful)).bind(4, 0);
    return changes_row(update);
  }

  // False where it is beyond the limit.
  Result<bool> add_count(Statements& statements, const PolicyOfDay& of, const std::string& key,
                         const PolicyCount& count, const Limits& limits) {
    const auto bind = [&](Statement& statement) -> Statement& {
      statement.bind(1, to_number(of.day)).bind_view(2, key);
      return statement.bind(3, to_number(count.successful)).bind(4, to_number(count.failed));
    };
    if (TRY(changes_row(bind(statements.update_count)))) return true;
    DaySize* const size = TRY(size_of(of.day));
    if (size->policies >= limits.max_policies) return false;
    const Policy& policy = of.policy;
    bind(statements.insert_count)
        .bind_view(5, policy.domain)
        .bind_view(6, source_words.word(policy.source))
        .bind_view(7, policy.policy_type)
        .bind_view(8, policy.policy_domain);
    TRY(statements.insert_count.run());
    statements.insert_texts.bind(1, to_number(of.day)).bind_view(2, key).bind_view(3, policy.record);
    statements.insert_texts.bind(4, to_lines(policy.policy_strings)).bind(5, to_lines(policy.mx_hosts));
    TRY(statements.insert_texts.run());
    ++size->policies;
    return true;
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
    std::size_t removed = 0;
    TRY(remove_days("outbound_texts", texts_before));
    for (const char* table : {"outbound_failures", "outbound_counts", "outbound_days"}) {
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
  Result<std::size_t> remove_days(const std::string& table, Day before) {
    std::size_t removed = 0;
    for (;;) {
      auto oldest = TRY(
          database_.prepare(fmt::format("SELECT day FROM {} WHERE day < ?1 ORDER BY day LIMIT 1", table)));
      const auto found = TRY(oldest.bind(1, to_number(before)).step());
      if (!found) return removed;
      TRY(remove_day(table, oldest.number(0)));
      ++removed;
    }
  }

  Result<void> remove_day(const std::string& table, std::int64_t day) {
    const std::string key = table == "outbound_failures" ? "day, policy, failure"
                            : table == "outbound_days"   ? "day"
                                                         : "day, policy";
    for (;;) {
      auto transaction = TRY(file_.begin());
      const std::int64_t before = database_.total_changes();
      auto statement = TRY(database_.prepare(
          fmt::format("DELETE FROM {0} WHERE ({1}) IN (SELECT {1} FROM {0} WHERE day = ?1 LIMIT {2})", table,
                      key, max_removed_rows)));
      TRY(statement.bind(1, day).run());
      TRY(transaction.commit());
      if (database_.total_changes() - before < max_removed_rows) return {};
    }
  }

  store::SqliteFile file_;
  Database& database_;
  DaySizes sizes_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_sqlite_store(const std::filesystem::path& file, Access access) {
  auto opened = TRY(store::SqliteFile::open(file, schema, access));
  return std::make_unique<SqliteStore>(std::move(opened));
}

}  // namespace starttls::outbound
