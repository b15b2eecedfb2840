#include "reports/report_store.h"

#include <utility>

#include "base/saturated.h"
#include "reports/database.h"
#include "sqlite/sqlite.h"
#include "store/columns.h"

namespace starttls::reports {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;
using store::count_in;
using store::number_of;
using store::time_in;

constexpr std::size_t rows_between_cuts = 10'000;

std::string joined(const std::vector<std::string>& texts) {
  std::size_t size = 0;
  for (const std::string& text : texts) size += text.size() + 1;
  std::string all;
  all.reserve(size);
  for (const std::string& text : texts) {
    if (!all.empty()) all += '\n';
    all += text;
  }
  return all;
}

std::vector<std::string> split(std::string_view all) {
  std::vector<std::string> texts;
  while (!all.empty()) {
    const auto end = std::min(all.find('\n'), all.size());
    texts.emplace_back(all.substr(0, end));
    all.remove_prefix(std::min(end + 1, all.size()));
  }
  return texts;
}

}  // namespace

std::filesystem::path report_file(const std::filesystem::path& state_dir) {
  return state_dir / "reports.sqlite";
}

struct ReportStore::Open {
  Database database;
  std::optional<Transaction> transaction;
  // Made once, for a thousand reports.
  std::optional<Statement> insert_report;
  std::optional<Statement> insert_policy;
  std::optional<Statement> insert_failure;
  // Of the report that is being added.
  std::int64_t report = 0;
  std::int64_t policies = 0;
  std::size_t rows = 0;            // since the last cut
  std::vector<std::int64_t> cuts;  // numbers of policies, with some thousand rows between them
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;

  Result<void> prepare();
  Result<void> remove_parts();
  void next_report();
};

Result<void> ReportStore::Open::prepare() {
  if (insert_report) return {};
  const std::pair<std::optional<Statement>&, const char*> statements[] = {
      {insert_policy, "INSERT INTO policies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      {insert_failure, "INSERT INTO failures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"},
      {insert_report,
       "INSERT INTO reports VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT DO NOTHING"}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared) return std::unexpected(prepared.error());
    statement.emplace(std::move(*prepared));
  }
  return {};
}

void ReportStore::Open::next_report() {
  policies = 0;
  rows = 0;
  cuts.clear();
  successful = failed = 0;
}

// What add() has put there of a report that does not stay. Some thousand rows at a time: SQLite holds the
// keys of all rows that a statement deletes.
Result<void> ReportStore::Open::remove_parts() {
  cuts.push_back(policies);
  for (const char* sql : {"DELETE FROM policies WHERE report = ?1 AND number >= ?2 AND number < ?3",
                          "DELETE FROM failures WHERE report = ?1 AND policy >= ?2 AND policy < ?3"}) {
    auto statement = database.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    std::int64_t from = 0;
    for (const std::int64_t to : cuts) {
      statement->bind(1, report).bind(2, std::exchange(from, to)).bind(3, to);
      if (auto done = statement->run(); !done) return done;
    }
  }
  return {};
}

ReportStore::ReportStore(std::unique_ptr<Open> open) : open_(std::move(open)) {}
ReportStore::ReportStore(ReportStore&&) noexcept = default;
ReportStore& ReportStore::operator=(ReportStore&&) noexcept = default;
ReportStore::~ReportStore() = default;

Result<ReportStore> ReportStore::open(const std::filesystem::path& file, store::Access access) {
  auto database = open_database(file, access);
  if (!database) return std::unexpected(database.error());
  return ReportStore(std::make_unique<Open>(Open{.database = std::move(*database)}));
}

Result<void> ReportStore::begin() {
  auto transaction = Transaction::begin(open_->database, "IMMEDIATE");
  if (!transaction) return std::unexpected(transaction.error());
  open_->transaction.emplace(std::move(*transaction));
  if (auto prepared = open_->prepare(); !prepared) return prepared;
  const auto last = open_->database.number("SELECT max(id) FROM reports");
  if (!last) return std::unexpected(last.error());
  open_->report = *last + 1;
  open_->next_report();
  return {};
}

Result<void> ReportStore::add(const tlsrpt::PolicyResult& policy) {
  Statement& row = *open_->insert_policy;
  const std::string policy_strings = joined(policy.policy_strings);
  const std::string mx_hosts = joined(policy.mx_hosts);
  row.bind(1, open_->report).bind(2, open_->policies);
  row.bind_lent(3, policy.policy_type).bind_lent(4, policy.policy_domain);
  row.bind_lent(5, policy_strings).bind_lent(6, mx_hosts);
  row.bind(7, number_of(policy.successful_sessions)).bind(8, number_of(policy.failed_sessions));
  if (auto done = row.run(); !done) return done;
  std::int64_t number = 0;
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    Statement& failure = *open_->insert_failure;
    failure.bind(1, open_->report).bind(2, open_->policies).bind(3, number++);
    failure.bind_lent(4, detail.result_type).bind_lent(5, detail.sending_mta_ip);
    failure.bind_lent(6, detail.receiving_mx_hostname).bind_lent(7, detail.receiving_mx_helo);
    failure.bind_lent(8, detail.receiving_ip).bind(9, number_of(detail.failed_session_count));
    failure.bind_lent(10, detail.additional_information).bind_lent(11, detail.failure_reason_code);
    if (auto done = failure.run(); !done) return done;
  }
  ++open_->policies;
  open_->rows += 1 + policy.failure_details.size();
  if (open_->rows > rows_between_cuts) {
    open_->cuts.push_back(open_->policies);
    open_->rows = 0;
  }
  add_saturated(open_->successful, policy.successful_sessions);
  add_saturated(open_->failed, policy.failed_sessions);
  return {};
}

Result<Kept> ReportStore::finish(const tlsrpt::ReportHead& head, std::int64_t identity,
                                 std::string_view packed, Time received) {
  Open& open = *open_;
  Statement& row = *open.insert_report;
  row.bind(1, open.report).bind(2, identity).bind(3, number_of(head.begin)).bind(4, number_of(head.end));
  row.bind(5, number_of(received)).bind(6, number_of(open.successful)).bind(7, number_of(open.failed));
  row.bind_lent(8, head.organization_name).bind_lent(9, head.contact_info).bind_lent(10, head.report_id);
  row.bind_lent_bytes(11, packed);
  const std::int64_t changes_before = open.database.own_changes();
  if (auto done = row.run(); !done) return std::unexpected(done.error());
  if (open.database.own_changes() > changes_before) {
    open.next_report();
    return Kept{.addition = Addition::added, .report = open.report++};
  }
  auto kept =
      open.database.prepare("SELECT id, successful, failed FROM reports WHERE begin = ?1 AND identity = ?2");
  if (!kept) return std::unexpected(kept.error());
  kept->bind(1, number_of(head.begin)).bind(2, identity);
  if (const auto found = kept->step(); !found) return std::unexpected(found.error());
  const bool same = count_in(*kept, 1) == open.successful && count_in(*kept, 2) == open.failed;
  if (auto dropped = drop(); !dropped) return std::unexpected(dropped.error());
  return Kept{.addition = same ? Addition::duplicate : Addition::differs_from_kept,
              .report = kept->number(0)};
}

Result<void> ReportStore::drop() {
  auto done = open_->policies > 0 ? open_->remove_parts() : Result<void>();
  open_->next_report();
  return done;
}

Result<void> ReportStore::commit() {
  auto done = open_->transaction->commit();
  open_->transaction.reset();
  return done;
}

Result<void> ReportStore::prune(Day before, std::size_t most) {
  auto transaction = Transaction::begin(open_->database, "IMMEDIATE");
  if (!transaction) return std::unexpected(transaction.error());
  const std::string old =
      R"(SELECT id FROM reports WHERE begin < ?1 AND "end" < ?1 ORDER BY begin, id LIMIT ?2)";
  for (const std::string& sql : {"DELETE FROM failures WHERE report IN (" + old + ")",
                                 "DELETE FROM policies WHERE report IN (" + old + ")",
                                 "DELETE FROM reports WHERE id IN (" + old + ")"}) {
    auto statement = open_->database.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    statement->bind(1, number_of(Time(before))).bind(2, static_cast<std::int64_t>(most));
    if (auto done = statement->run(); !done) return done;
  }
  return transaction->commit();
}

namespace {

tlsrpt::FailureDetail failure_in(const Statement& row) {
  return {.result_type = row.text(1),
          .sending_mta_ip = row.text(2),
          .receiving_mx_hostname = row.text(3),
          .receiving_mx_helo = row.text(4),
          .receiving_ip = row.text(5),
          .failed_session_count = count_in(row, 6),
          .additional_information = row.text(7),
          .failure_reason_code = row.text(8)};
}

ReportedPolicy policy_in(const Statement& row) {
  return {.report = row.number(0),
          .head = {.organization_name = row.text(2),
                   .begin = time_in(row, 3),
                   .end = time_in(row, 4),
                   .contact_info = row.text(5),
                   .report_id = row.text(6)},
          .policy = {.policy_type = row.text(7),
                     .policy_strings = split(row.text(8)),
                     .policy_domain = row.text(9),
                     .mx_hosts = split(row.text(10)),
                     .successful_sessions = count_in(row, 11),
                     .failed_sessions = count_in(row, 12),
                     .failure_details = {}}};
}

}  // namespace

Result<void> ReportStore::read(const store::Period& period, const std::optional<std::string>& policy_domain,
                               const std::function<void(const ReportedPolicy&)>& take) {
  auto transaction = Transaction::begin(open_->database, "DEFERRED");
  if (!transaction) return std::unexpected(transaction.error());
  auto rows = open_->database.prepare(R"sql(
    SELECT r.id, p.number, r.organization, r.begin, r."end", r.contact, r.report_id, p.policy_type, p.policy_strings,
           p.policy_domain, p.mx_hosts, p.successful, p.failed
    FROM reports AS r JOIN policies AS p ON p.report = r.id
    WHERE r.begin >= ?1 AND r.begin < ?2 AND (?3 IS NULL OR p.policy_domain = ?3 COLLATE NOCASE)
    ORDER BY r.id, p.number)sql");
  if (!rows) return std::unexpected(rows.error());
  auto failures = open_->database.prepare(
      "SELECT number, result_type, sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip, "
      "sessions, "
      "additional_information, failure_reason_code FROM failures WHERE report = ?1 AND policy = ?2 ORDER BY "
      "number");
  if (!failures) return std::unexpected(failures.error());
  rows->bind(1, number_of(Time(period.since))).bind(2, number_of(Time(period.until + std::chrono::days{1})));
  if (policy_domain) rows->bind(3, *policy_domain);
  while (true) {
    const auto row = rows->step();
    if (!row) return std::unexpected(row.error());
    if (!*row) return {};
    ReportedPolicy reported = policy_in(*rows);
    failures->bind(1, reported.report).bind(2, rows->number(1));
    while (true) {
      const auto failure = failures->step();
      if (!failure) return std::unexpected(failure.error());
      if (!*failure) break;
      reported.policy.failure_details.push_back(failure_in(*failures));
    }
    failures->reset();
    take(reported);
  }
}

Result<std::string> ReportStore::packed(std::int64_t report) {
  auto row = open_->database.prepare("SELECT json_gzip FROM reports WHERE id = ?1");
  if (!row) return std::unexpected(row.error());
  if (const auto found = row->bind(1, report).step(); !found) return std::unexpected(found.error());
  return row->text(0);
}

}  // namespace starttls::reports
