#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <deque>
#include <set>
#include <span>
#include <utility>

#include "base/try.h"
#include "outbound/columns.h"
#include "outbound/postgres_schema.h"
#include "outbound/store.h"
#include "postgres/batch.h"
#include "postgres/day_partitions.h"
#include "postgres/postgres.h"
#include "postgres/shared_store.h"

namespace starttls::outbound {
namespace {

using postgres::Batch;
using postgres::Connection;
using postgres::Parameters;
using postgres::Row;
using postgres::Transaction;
using store::to_number;

// While half of a page is free, a row whose counts grow stays in its page and needs no new entry in an index.
constexpr postgres::DayTable counts_table{"outbound_counts", "WITH (fillfactor = 50)"};
constexpr postgres::DayTable texts_table{"outbound_texts"};
constexpr postgres::DayTable failures_table{"outbound_failures", "WITH (fillfactor = 50)"};
constexpr std::array day_tables{counts_table, texts_table, failures_table};
// The texts are dropped before these.
constexpr std::array kept_tables{counts_table, failures_table};

// Rows are added in the order of their keys. So two hosts that add to the same rows wait for each other, but
// never in a circle. Each transaction also uses the tables in the same order.
// {}: the partition. With the table itself, PostgreSQL would not return whether a row is new (xmax is 0).
constexpr const char* add_counts = R"sql(
  INSERT INTO {} AS c (day, policy, domain, source, policy_type, policy_domain, successful, failed)
  SELECT * FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[],
                       $8::bigint[])
  ON CONFLICT (day, policy) DO UPDATE SET successful = c.successful + excluded.successful,
                                          failed = c.failed + excluded.failed
  RETURNING c.day, c.policy, (c.xmax = 0)::integer
)sql";
// The same for a day that is full: only rows that exist.
constexpr const char* update_counts = R"sql(
  UPDATE {} AS c SET successful = c.successful + more.successful, failed = c.failed + more.failed
  FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::bigint[], $8::bigint[])
    AS more (day, policy, domain, source, policy_type, policy_domain, successful, failed)
  WHERE c.day = more.day AND c.policy = more.policy
  RETURNING c.day, c.policy, 0
)sql";
constexpr const char* add_texts = R"sql(
  INSERT INTO outbound_texts (day, policy, record, policy_strings, mx_hosts)
  SELECT * FROM unnest($1::integer[], $2::uuid[], $3::text[], $4::text[], $5::text[])
  ON CONFLICT DO NOTHING
)sql";
constexpr const char* add_failures = R"sql(
  INSERT INTO {} AS f (day, policy, failure, result_type, sending_mta_ip, receiving_mx_hostname,
                                      receiving_mx_helo, receiving_ip, additional_information, failure_reason_code,
                                      sessions)
  SELECT * FROM unnest($1::integer[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::text[],
                       $8::text[], $9::text[], $10::text[], $11::bigint[])
  ON CONFLICT (day, policy, failure) DO UPDATE SET sessions = f.sessions + excluded.sessions
  RETURNING (f.xmax = 0)::integer
)sql";
constexpr const char* add_days = R"sql(
  INSERT INTO outbound_days AS d (day, results, malformed, left_out) VALUES ($1, $2, $3, $4)
  ON CONFLICT (day) DO UPDATE SET results = d.results + excluded.results,
                                  malformed = d.malformed + excluded.malformed,
                                  left_out = d.left_out + excluded.left_out
)sql";

// The columns as PolicyRows takes them. The order is that of the bytes, whatever the database's own is.
constexpr const char* read_policies = R"sql(
  SELECT c.day, c.policy, c.domain, c.source, c.policy_type, c.policy_domain, t.record, t.policy_strings,
         t.mx_hosts, c.successful, c.failed, f.result_type, f.sending_mta_ip, f.receiving_mx_hostname,
         f.receiving_mx_helo, f.receiving_ip, f.additional_information, f.failure_reason_code, f.sessions
  FROM outbound_counts AS c
  LEFT JOIN outbound_texts AS t ON t.day = c.day AND t.policy = c.policy
  LEFT JOIN outbound_failures AS f ON f.day = c.day AND f.policy = c.policy
  WHERE c.day BETWEEN $1 AND $2 AND ($3 = '' OR c.domain = $3)
  ORDER BY c.domain COLLATE "C", c.day, c.policy
)sql";

Result<void> run(Connection& connection, const char* sql, const Parameters& parameters) {
  TRY(connection.execute(sql, parameters));
  return {};
}

// How many rows a day has in the tables that are limited. Counted again after some time: other hosts add rows, too.
struct DaySize {
  std::uint64_t policies = 0;
  std::uint64_t failures = 0;
  std::chrono::steady_clock::time_point counted;
};
using DaySizes = std::map<Day, DaySize>;

constexpr std::chrono::minutes count_again_after{1};

class PostgresFold final : public FoldTransaction {
 public:
  PostgresFold(Connection& connection, Transaction transaction, const std::string& writer, DaySizes& sizes)
      : connection_(connection),
        transaction_(std::move(transaction)),
        writer_(writer),
        kept_sizes_(sizes),
        sizes_(sizes) {}

  Result<bool> is_folded(const std::string& segment) override {
    return TRY(connection_.number("SELECT count(*) FROM outbound_segments WHERE id = $1",
                                  Parameters().add(segment))) > 0;
  }

  Result<std::optional<LeftOut>> add(AddedPolicies& policies, const std::vector<KnownCount>& known,
                                     const Limits& limits) override {
    std::map<Day, Rows> days;
    std::deque<PolicyCount> sums;
    for (const auto& [id, added] : policies)
      days[id.day].emplace(store::to_row_key(id.digest), Entry{&added.texts, &added.count});
    for (const KnownCount& row : known) {
      PolicyCount& sum = sums.emplace_back(PolicyCount{.successful = row.successful});
      const auto [found, is_new] =
          days[row.policy.day].emplace(store::to_row_key(row.policy.digest), Entry{&known_policy, &sum});
      if (is_new) continue;
      sum += *found->second.count;
      found->second.count = &sum;
    }
    std::set<Day> all_days;
    for (const auto& [day, rows] : days) all_days.insert(day);
    TRY(postgres::ensure_partitions(connection_, day_tables, all_days));
    LeftOut left_out;
    for (const auto& [day, rows] : days) {
      const auto sessions = TRY(add_day(day, rows, limits));
      if (!sessions) return std::nullopt;
      if (*sessions > 0) left_out[day] = *sessions;
    }
    return left_out;
  }

  Result<void> add(const DayTotals& days) override {
    for (const auto& [day, total] : days) {
      TRY(run(connection_, add_days,
              Parameters()
                  .add(to_number(day))
                  .add(to_number(total.results))
                  .add(to_number(total.malformed))
                  .add(to_number(total.left_out))));
    }
    return {};
  }

  Result<void> record(const std::string& segment, Time now) override {
    return run(connection_, "INSERT INTO outbound_segments (id, writer, folded_at) VALUES ($1, $2, $3)",
               Parameters().add(segment).add(writer_).add(to_number(now)));
  }

  Result<void> commit() override {
    TRY(transaction_.commit());
    kept_sizes_ = std::move(sizes_);
    return {};
  }

 private:
  struct Entry {
    const PolicyTexts* policy;
    const PolicyCount* count;
  };
  using Rows = std::map<std::string, Entry>;  // by key, in the order in which they are locked

  // Stands for one whose row the store has, and whose texts are not at hand.
  static inline const PolicyTexts known_policy;

  Result<DaySize*> size_of(Day day) {
    const auto now = std::chrono::steady_clock::now();
    const auto found = sizes_.find(day);
    if (found != sizes_.end() && now < found->second.counted + count_again_after) return &found->second;
    const auto parameter = Parameters().add(to_number(day));
    const auto policies =
        TRY(connection_.number("SELECT count(*) FROM outbound_counts WHERE day = $1", parameter));
    const auto failures =
        TRY(connection_.number("SELECT count(*) FROM outbound_failures WHERE day = $1", parameter));
    DaySize& size = sizes_[day];
    size = {.policies = static_cast<std::uint64_t>(policies),
            .failures = static_cast<std::uint64_t>(failures),
            .counted = now};
    return &size;
  }

  // Returns how many sessions were left out; none where a row that was known is gone.
  Result<std::optional<std::uint64_t>> add_day(Day day, const Rows& rows, const Limits& limits) {
    DaySize* const size = TRY(size_of(day));
    const bool is_full = size->policies >= limits.max_policies;
    const std::string sql = fmt::format(fmt::runtime(is_full ? update_counts : add_counts),
                                        postgres::partition_of(counts_table, day));
    Batch<8> counts(connection_, sql.c_str());
    Batch<5> texts(connection_, add_texts);
    std::set<std::string> known;  // policies that have a row now
    bool is_lost = false;
    const auto flush = [&]() -> Result<void> {
      return counts.flush([&](const Row& row) -> Result<void> {
        const std::string key(row.text(1));
        if (row.number(2) != 0) {
          const PolicyTexts& policy = *rows.at(key).policy;
          is_lost = is_lost || &policy == &known_policy;
          texts.add(to_number(day), key, policy.record, policy.policy_strings, policy.mx_hosts);
          ++size->policies;
        }
        known.insert(key);
        return {};
      });
    };
    for (const auto& [key, entry] : rows) {
      const auto& [policy, count] = entry;
      counts.add(to_number(day), key, policy->domain, source_words.word(policy->source), policy->policy_type,
                 policy->policy_domain, to_number(count->successful), to_number(count->failed));
      if (!counts.is_full()) continue;
      TRY(flush());
      if (!texts.is_full()) continue;
      TRY(texts.flush());
    }
    TRY(flush());
    TRY(texts.flush());
    if (is_lost) return std::nullopt;
    TRY(add_failures_of(day, rows, known, *size, limits));
    std::uint64_t left_out = 0;
    for (const auto& [key, entry] : rows) {
      if (known.contains(key)) continue;
      if (entry.policy == &known_policy) return std::nullopt;
      left_out += entry.count->successful + entry.count->failed;
    }
    return left_out;
  }

  // A day gets no more than its limit and the failures of one fold.
  Result<void> add_failures_of(Day day, const Rows& rows, const std::set<std::string>& known, DaySize& size,
                               const Limits& limits) {
    const bool without_texts = size.failures >= limits.max_policies;
    const std::string sql =
        fmt::format(fmt::runtime(add_failures), postgres::partition_of(failures_table, day));
    Batch<11> batch(connection_, sql.c_str());
    const auto flush = [&] {
      return batch.flush([&](const Row& row) -> Result<void> {
        if (row.number(0) != 0) ++size.failures;
        return {};
      });
    };
    for (const auto& [policy, entry] : rows) {
      if (!known.contains(policy)) continue;
      std::map<std::string, std::pair<Failure, std::uint64_t>> failures;  // by key
      for (const auto& [failure, sessions] : entry.count->failures) {
        const Failure kept = without_texts ? Failure{.result_type = failure.result_type} : failure;
        auto& [of, total] = failures[key_of(kept)];
        of = kept;
        total += sessions;
      }
      for (const auto& [key, one] : failures) {
        const auto& [failure, sessions] = one;
        batch.add(to_number(day), policy, key, failure.result_type, failure.sending_mta_ip,
                  failure.receiving_mx_hostname, failure.receiving_mx_helo, failure.receiving_ip,
                  failure.additional_information, failure.failure_reason_code, to_number(sessions));
        if (!batch.is_full()) continue;
        TRY(flush());
      }
    }
    return flush();
  }

  Connection& connection_;
  Transaction transaction_;
  const std::string& writer_;
  DaySizes& kept_sizes_;
  DaySizes sizes_;  // with this transaction
};

class PostgresStore final : public Store {
 public:
  explicit PostgresStore(postgres::SharedStore shared) : shared_(std::move(shared)) {}

  Result<std::unique_ptr<FoldTransaction>> begin_fold() override {
    auto transaction = TRY(shared_.begin_writing());
    return std::make_unique<PostgresFold>(connection_, std::move(transaction), shared_.writer(), sizes_);
  }

  Result<DayTotals> read(const Query& query, const FoldedSink& folded, const CountSink& take) override {
    // In such a transaction all queries see the same moment.
    const auto transaction =
        TRY(Transaction::begin(connection_, "ISOLATION LEVEL REPEATABLE READ, READ ONLY"));
    std::set<std::string> known;
    TRY(connection_.read("SELECT id FROM outbound_segments WHERE id = ANY($1::text[])",
                         Parameters().add(postgres::to_array(query.segments)),
                         [&](const Row& row) -> Result<void> {
                           known.insert(store::text_in(row, 0));
                           return {};
                         }));
    TRY(folded(known));
    const auto period = Parameters().add(to_number(query.period.since)).add(to_number(query.period.until));
    if (take) {
      PolicyRows policies(take);
      TRY(connection_.read(read_policies, Parameters(period).add(query.domain),
                           [&](const Row& row) { return policies.add(row); }));
      TRY(policies.finish());
    }
    DayTotals days;
    TRY(connection_.read(
        "SELECT day, results, malformed, left_out FROM outbound_days WHERE day BETWEEN $1 AND $2", period,
        [&](const Row& row) -> Result<void> {
          days[store::day_in(row, 0)] = day_total_in(row, 1);
          return {};
        }));
    return days;
  }

  Result<void> forget_segments(Time folded_before) override {
    return run(connection_, "DELETE FROM outbound_segments WHERE writer = $1 AND folded_at < $2",
               Parameters().add(shared_.writer()).add(to_number(folded_before)));
  }

  Result<std::size_t> prune(Day before, Day texts_before) override {
    TRY(postgres::drop_partitions(connection_, std::span(&texts_table, 1), texts_before));
    const auto dropped = TRY(postgres::drop_partitions(connection_, kept_tables, before));
    for (const char* sql :
         {"DELETE FROM outbound_days WHERE day < $1", "DELETE FROM outbound_reports WHERE day < $1"})
      TRY(run(connection_, sql, Parameters().add(to_number(before))));
    std::erase_if(sizes_, [&](const auto& size) { return size.first < before; });
    return dropped.days;
  }

 private:
  postgres::SharedStore shared_;
  Connection& connection_ = shared_.connection();
  DaySizes sizes_;
};

}  // namespace

Result<std::unique_ptr<Store>> open_postgres_store(const std::string& url, const std::string& writer,
                                                   Access access) {
  auto shared =
      TRY(postgres::SharedStore::open(url, access == Access::owner ? writer : "", shared_store_kind()));
  return std::make_unique<PostgresStore>(std::move(shared));
}

}  // namespace starttls::outbound
