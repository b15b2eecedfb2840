#include "mtastsdb/cache_table.h"

#include <algorithm>
#include <array>
#include <limits>
#include <utility>

#include "base/counted.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::mtastsdb {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;

// An expired policy is kept for a while, for operators who want to know what happened to it.
constexpr std::chrono::hours interest_in_expired{7 * 24};

// The columns that row_in() reads. The others serve searches.
constexpr std::string_view columns =
    "domain, policy_text, policy_id, fetched, failure, failure_reason, failure_id, failing_since, "
    "failed_last, failures, next_fetch";

enum Which : std::size_t {
  find_row,
  told_row,
  put_row,
  remove_row,
  drop_old,
  count,
  bump,
  version,
  changes,
  bytes
};

// In the order of Which, without the first.
constexpr std::array<std::string_view, 9> sql{
    "SELECT told FROM domains WHERE domain = ?1 AND expires > ?2",
    R"sql(
      INSERT INTO domains (domain, policy_text, policy_id, fetched, failure, failure_reason, failure_id,
                           failing_since, failed_last, failures, next_fetch, expires, told, interest_ends)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)
      ON CONFLICT (domain) DO UPDATE SET
        policy_text = excluded.policy_text, policy_id = excluded.policy_id, fetched = excluded.fetched,
        failure = excluded.failure, failure_reason = excluded.failure_reason,
        failure_id = excluded.failure_id, failing_since = excluded.failing_since,
        failed_last = excluded.failed_last, failures = excluded.failures, next_fetch = excluded.next_fetch,
        expires = excluded.expires, told = excluded.told, interest_ends = excluded.interest_ends
    )sql",
    "DELETE FROM domains WHERE domain = ?1",
    "DELETE FROM domains WHERE domain IN (SELECT domain FROM domains WHERE interest_ends < ?1 LIMIT ?2)",
    "SELECT domains FROM totals",
    "UPDATE totals SET policies_version = policies_version + 1",
    "SELECT policies_version FROM totals",
    "PRAGMA data_version",
    "SELECT (page_count - freelist_count) * page_size FROM pragma_page_count, pragma_freelist_count, "
    "pragma_page_size",
};

// The number of domains that are dropped together, so that not every new one costs a search.
constexpr std::int64_t dropped_at_once = 1'000;

std::int64_t number_of(Time time) {
  return time.time_since_epoch().count();
}

// A longer text is not ours and is not read into memory.
std::optional<std::string> bounded_text(const Statement& row, int column, std::size_t max) {
  if (row.size(column) > max) return std::nullopt;
  return row.text(column);
}

std::optional<CacheRow> row_in(const Statement& row) {
  constexpr std::size_t max_word_length = 300;
  const auto word = [&](int column) { return bounded_text(row, column, max_word_length).value_or(""); };
  CacheRow read{.domain = word(0), .next_fetch = row.number(10)};
  if (!row.is_null(1)) {
    auto text = bounded_text(row, 1, mtasts::policy_size_limit);
    if (!text) return std::nullopt;
    read.policy = {.text = std::move(*text), .id = word(2), .fetched = row.number(3)};
  }
  if (!row.is_null(4)) {
    auto reason = bounded_text(row, 5, max_reason_length);
    if (!reason) return std::nullopt;
    read.failure = {.type = word(4),
                    .reason = std::move(*reason),
                    .id = word(6),
                    .since = row.number(7),
                    .last = row.number(8),
                    .count = row.number(9)};
  }
  return read;
}

Time end_of_interest(const mtasts::PolicyState& policy_state) {
  Time end = policy_state.next_fetch;
  if (policy_state.policy) end = std::max(end, policy_state.policy->expires() + interest_in_expired);
  if (policy_state.failure) end = std::max(end, policy_state.failure->last + max_failure_age);
  return end;
}

std::string told_at(const mtasts::PolicyState& policy_state, Time now) {
  const mtasts::FetchedPolicy* valid = policy_state.valid(now);
  return valid != nullptr ? mta_view(valid->policy) : "";
}

void bind_row(Statement& put, const CacheEntry& entry) {
  const CacheRow row = to_row(entry);
  put.bind(1, row.domain).bind(11, row.next_fetch);
  put.bind(14, number_of(end_of_interest(entry.policy_state)));
  if (row.policy) {
    put.bind(2, row.policy->text).bind(3, row.policy->id).bind(4, row.policy->fetched);
    put.bind(12, number_of(entry.policy_state.policy->expires()));
    put.bind(13, mta_view(entry.policy_state.policy->policy));
  }
  if (row.failure) {
    put.bind(5, row.failure->type).bind(6, row.failure->reason).bind(7, row.failure->id);
    put.bind(8, row.failure->since).bind(9, row.failure->last).bind(10, row.failure->count);
  }
}

// The one number that a statement returns.
Result<std::int64_t> number_from(Statement& statement) {
  const auto row = statement.step();
  const std::int64_t number = row && *row ? statement.number(0) : 0;
  statement.reset();
  if (!row) return std::unexpected(row.error());
  return number;
}

}  // namespace

// Times are milliseconds since 1970-01-01, UTC. `expires`, `told` (mode and MX) and `interest_ends` derive
// from other columns, so that they can be searched. policies_version starts at a random number, so that a new
// file differs from the old one.
namespace {

constexpr const char* version_1 = R"sql(
  CREATE TABLE domains (
    domain TEXT PRIMARY KEY NOT NULL,
    policy_text TEXT,
    policy_id TEXT,
    fetched INTEGER,
    failure TEXT,
    failure_reason TEXT,
    failure_id TEXT,
    failing_since INTEGER,
    failed_last INTEGER,
    failures INTEGER,
    next_fetch INTEGER NOT NULL,
    expires INTEGER,
    told TEXT,
    interest_ends INTEGER NOT NULL
  ) WITHOUT ROWID;
  CREATE INDEX domains_by_next_fetch ON domains (next_fetch, expires) WHERE expires IS NOT NULL;
  CREATE INDEX domains_by_interest ON domains (interest_ends);
  CREATE TABLE totals (
    domains INTEGER NOT NULL,
    policies_version INTEGER NOT NULL
  );
  INSERT INTO totals VALUES (0, abs(random() / 2));
  CREATE TRIGGER domain_came AFTER INSERT ON domains BEGIN
    UPDATE totals SET domains = domains + 1;
  END;
  CREATE TRIGGER domain_went AFTER DELETE ON domains BEGIN
    UPDATE totals SET domains = domains - 1;
  END;
)sql";

// `failing` counts the domains without a policy. The new indexes find these, and expired policies, without a
// search.
constexpr const char* to_version_2 = R"sql(
  ALTER TABLE totals ADD COLUMN failing INTEGER NOT NULL DEFAULT 0;
  UPDATE totals SET failing = (SELECT count(*) FROM domains WHERE expires IS NULL);
  CREATE INDEX domains_failing ON domains (next_fetch) WHERE expires IS NULL;
  CREATE INDEX domains_by_end ON domains (expires) WHERE expires IS NOT NULL;
  CREATE TRIGGER failing_came AFTER INSERT ON domains WHEN new.expires IS NULL BEGIN
    UPDATE totals SET failing = failing + 1;
  END;
  CREATE TRIGGER failing_went AFTER DELETE ON domains WHEN old.expires IS NULL BEGIN
    UPDATE totals SET failing = failing - 1;
  END;
  CREATE TRIGGER failing_changed AFTER UPDATE ON domains
      WHEN (old.expires IS NULL) <> (new.expires IS NULL) BEGIN
    UPDATE totals SET failing = failing + (new.expires IS NULL) - (old.expires IS NULL);
  END;
)sql";

}  // namespace

const sqlite::Schema& cache_schema() {
  static const std::string statements = std::string(version_1) + to_version_2;
  static const std::array<const char*, 1> upgrades{to_version_2};
  static const sqlite::Schema known{.kind = "a cache of MTA-STS policies",
                                    .application_id = 0x53544B32,  // "STK2"
                                    .version = 2,
                                    .statements = statements.c_str(),
                                    .upgrades = upgrades};
  return known;
}

CacheTable::CacheTable(Database database, std::vector<Statement> statements)
    : database_(std::move(database)), statements_(std::move(statements)) {}

Result<CacheTable> CacheTable::in(Database database) {
  std::vector<Statement> statements;
  auto find = TRY(database.prepare(fmt::format("SELECT {} FROM domains WHERE domain = ?1", columns)));
  statements.push_back(std::move(find));
  for (const std::string_view text : sql) {
    statements.push_back(TRY(database.prepare(text)));
  }
  return CacheTable(std::move(database), std::move(statements));
}

Result<std::optional<CacheRow>> CacheTable::find(std::string_view domain) {
  Statement& select = statement(find_row);
  const auto found = select.bind(1, domain).step();
  std::optional<CacheRow> row;
  if (found && *found) row = row_in(select);
  select.reset();
  if (!found) return std::unexpected(found.error());
  return row;
}

Result<std::string> CacheTable::current_mta_view(std::string_view domain, Time now) {
  Statement& select = statement(told_row);
  const auto found = select.bind(1, domain).bind(2, number_of(now)).step();
  std::string told = found && *found ? select.text(0) : "";
  select.reset();
  if (!found) return std::unexpected(found.error());
  return told;
}

std::size_t CacheTable::max_bytes() const {
  return database_.is_in_memory() ? max_cache_memory_bytes : max_cache_file_bytes;
}

Result<bool> CacheTable::is_full(std::size_t max) {
  const auto domains = TRY(number_from(statement(count)));
  if (domains >= static_cast<std::int64_t>(max)) return true;
  const auto taken = TRY(number_from(statement(bytes)));
  return taken >= static_cast<std::int64_t>(max_bytes());
}

// `which` selects the domains, ?1 is now.
Result<void> CacheTable::drop_some(std::string_view which, Time now, std::int64_t max) {
  auto drop = TRY(database_.prepare(fmt::format(
      "DELETE FROM domains WHERE domain IN (SELECT domain FROM domains WHERE {} LIMIT ?2)", which)));
  return drop.bind(1, number_of(now)).bind(2, max).run();
}

Result<void> CacheTable::drop_failing(Time now, std::int64_t max) {
  return drop_some("expires IS NULL ORDER BY next_fetch", now, max);
}

Result<void> CacheTable::make_room_for_failure(Time now, std::size_t max) {
  const auto failing = TRY(database_.number("SELECT failing FROM totals"));
  const auto share = static_cast<std::int64_t>(max_failing(max));
  if (failing < share) return {};
  return drop_failing(now, std::clamp<std::int64_t>(share / 100, 1, dropped_at_once));
}

// Drops only expired policies and failures. Otherwise an operator of many domains could push out the policies
// of others.
Result<void> CacheTable::make_room(Time now, std::size_t max) {
  const auto full = TRY(is_full(max));
  if (!full) return {};
  auto done = drop_some("expires IS NOT NULL AND expires <= ?1 ORDER BY expires", now, dropped_at_once);
  if (done) done = drop_failing(now, dropped_at_once);
  if (!done) return done;
  const auto still_full = TRY(is_full(max));
  if (!still_full) return {};
  return fail(Fault::unavailable, "the MTA-STS cache is full: {}, or {} MiB", counted(max, "domain"),
              max_bytes() >> 20U);
}

// The state of a domain may become longer. Then there must be room for that, too.
Result<void> CacheTable::write(const CacheEntry& entry, Time now, std::size_t max) {
  const auto known = TRY(find(entry.domain.str()));
  const auto& policy = entry.policy_state.policy;
  const bool is_failure = !policy;
  if (is_failure && !(known && !known->policy)) {
    TRY(make_room_for_failure(now, max));
  }
  const bool grows = policy && known && (!known->policy || known->policy->text.size() < policy->text.size());
  if (!known || grows) {
    // An existing domain does not count twice.
    TRY(make_room(now, known ? std::numeric_limits<std::int64_t>::max() : max));
  }
  bind_row(statement(put_row), entry);
  return statement(put_row).run();
}

Result<void> CacheTable::keep(const CacheEntry& entry, Time now, std::size_t max) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  const auto before = TRY(current_mta_view(entry.domain.str(), now));
  auto done = entry.policy_state.empty() ? statement(remove_row).bind(1, entry.domain.str()).run()
                                         : write(entry, now, max);
  if (!done) return done;
  if (before != told_at(entry.policy_state, now)) {
    if (done = statement(bump).run(); !done) return done;
  }
  return transaction.commit();
}

Result<bool> CacheTable::remove(std::string_view domain) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  const std::int64_t changes_before = database_.total_changes();
  auto done = statement(remove_row).bind(1, domain).run();
  const bool was_there = database_.total_changes() != changes_before;
  if (done && was_there) done = statement(bump).run();
  if (done) done = transaction.commit();
  if (!done) return std::unexpected(done.error());
  return was_there;
}

Result<std::size_t> CacheTable::remove_all() {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  const auto domains = TRY(number_from(statement(count)));
  auto done = database_.execute("DELETE FROM domains");
  if (done) done = statement(bump).run();
  if (done) done = transaction.commit();
  if (!done) return std::unexpected(done.error());
  return static_cast<std::size_t>(std::max<std::int64_t>(domains, 0));
}

Result<void> CacheTable::each(const std::function<void(const CacheEntry&)>& see) {
  auto rows = TRY(database_.prepare(fmt::format("SELECT {} FROM domains ORDER BY domain", columns)));
  for (;;) {
    const auto found = TRY(rows.step());
    if (!found) return {};
    const auto row = row_in(rows);
    const auto entry = row ? to_entry(*row) : std::nullopt;
    if (entry) see(*entry);
  }
}

// The second part of the query finds domains that a wrong clock has postponed.
Result<std::vector<DomainName>> CacheTable::due(Time now, std::size_t max) {
  auto rows = TRY(database_.prepare(
      "SELECT domain, next_fetch FROM domains WHERE expires IS NOT NULL AND next_fetch <= ?1 AND expires > "
      "?1 "
      "UNION ALL SELECT domain, next_fetch FROM domains WHERE expires IS NOT NULL AND next_fetch > ?2 "
      "ORDER BY next_fetch LIMIT ?3"));
  rows.bind(1, number_of(now)).bind(2, number_of(now + mtasts::max_interval));
  rows.bind(3, static_cast<std::int64_t>(max));
  std::vector<DomainName> domains;
  for (;;) {
    const auto found = TRY(rows.step());
    if (!found) return domains;
    auto domain = DomainName::parse(rows.text(0));
    if (domain && domain->str() == rows.text(0)) domains.push_back(std::move(*domain));
  }
}

Result<void> CacheTable::tidy(Time now, std::size_t max) {
  return statement(drop_old).bind(1, number_of(now)).bind(2, static_cast<std::int64_t>(max)).run();
}

Result<std::int64_t> CacheTable::policies_version() {
  return number_from(statement(version));
}

Result<std::int64_t> CacheTable::data_version() {
  return number_from(statement(changes));
}

// Reads up to the first row that cannot be read. Returns false if there is such a row.
Result<bool> CacheTable::read_end(CacheTable& from, std::string_view order, Time now, std::size_t max) {
  auto rows =
      from.database_.prepare(fmt::format("SELECT {} FROM domains ORDER BY domain {}", columns, order));
  if (!rows) return false;
  for (;;) {
    const auto found = rows->step();
    if (!found) return false;
    if (!*found) return true;
    const auto row = row_in(*rows);
    const auto entry = row ? to_entry(*row) : std::nullopt;
    if (!entry) continue;
    const auto full = TRY(is_full(max));
    if (full) return true;
    TRY(write(*entry, now, max));
  }
}

Result<std::size_t> CacheTable::take_over(CacheTable& other, Time now, std::size_t max) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  auto whole = read_end(other, "ASC", now, max);
  if (whole && !*whole) whole = read_end(other, "DESC", now, max);
  if (!whole) return std::unexpected(whole.error());
  const auto domains = TRY(number_from(statement(count)));
  TRY(transaction.commit());
  return static_cast<std::size_t>(domains);
}

}  // namespace starttls::mtastsdb
