#include "tlsrptdb/report_store.h"

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <utility>

#include "base/saturated.h"
#include "base/try.h"
#include "sqlite/sqlite.h"
#include "store/columns.h"
#include "tlsrpt/policy_domain.h"
#include "tlsrptdb/database.h"
#include "tlsrptdb/report_fingerprint.h"

namespace starttls::tlsrptdb {
namespace {

using sqlite::Database;
using sqlite::Statement;
using sqlite::Transaction;
using store::count_in;
using store::time_in;
using store::to_number;

constexpr std::size_t rows_between_cuts = 10'000;
constexpr std::int64_t policies_at_once = 100;  // whose failures are removed by one statement

// The size of rows besides their texts, including their index entries and the free space of pages.
constexpr std::uint64_t report_row_size = 300;  // bytes
constexpr std::uint64_t policy_row_size = 64;
constexpr std::uint64_t failure_row_size = 64;

std::uint64_t size_of(const tlsrpt::PolicyResult& policy, std::string_view policy_strings,
                      std::string_view mx_hosts) {
  std::uint64_t size = policy_row_size + policy.policy_type.size() + policy.policy_domain.size() +
                       policy_strings.size() + mx_hosts.size();
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    size += failure_row_size + detail.result_type.size() + detail.sending_mta_ip.size() +
            detail.receiving_mx_hostname.size() + detail.receiving_mx_helo.size() +
            detail.receiving_ip.size() + detail.additional_information.size() +
            detail.failure_reason_code.size();
  }
  return size;
}

std::uint64_t size_of(const Received& received) {
  const tlsrpt::ReportHead& head = received.head;
  return report_row_size + received.packed.size() + received.reporter.size() + head.organization_name.size() +
         head.contact_info.size() + head.report_id.size() + received.report_domain.size();
}

std::int64_t stored_identity(const Received& received) {
  return received.authenticated ? signed_fingerprint(received.identity, received.reporter)
                                : received.identity;
}

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

// What a reporter holds: its row of the table `reporters`, and the reports since.
struct ReporterSize {
  std::int64_t since = 0;    // when its first report was received
  std::uint64_t stored = 0;  // bytes in its row
  std::uint64_t added = 0;   // bytes that its row lacks
  std::uint64_t bytes() const { return stored + added; }
};

}  // namespace

std::filesystem::path report_file(const std::filesystem::path& state_dir) {
  return state_dir / "reports.sqlite";
}

// A report that is in the store already; id 0: none.
struct ReportStore::KeptReport {
  std::int64_t id = 0;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
};

struct ReportStore::Open {
  using ReporterKey = std::pair<std::string, bool>;  // name, authenticated

  Database database;
  std::optional<Transaction> transaction;
  // Prepared once for many reports.
  std::optional<Statement> insert_report;
  std::optional<Statement> insert_policy;
  std::optional<Statement> insert_failure;
  std::optional<Statement> select_reporter;
  std::optional<Statement> add_to_reporter;
  // Find a report by its begin and its identity: without a signature, with one, or either.
  std::optional<Statement> select_unsigned;
  std::optional<Statement> select_signed;
  std::optional<Statement> select_any;
  std::uint64_t quota = std::numeric_limits<std::int64_t>::max();
  std::uint64_t total = 0;        // bytes that all reports hold
  std::uint64_t uncommitted = 0;  // bytes that were added since begin()
  std::uint64_t evicted = 0;
  // The reporters of reports that were added since begin(), or since write_reporters(). Most reports come from a few
  // reporters, so their rows are written once for many reports.
  std::map<ReporterKey, ReporterSize> reporters;
  // These members are about the report that is being added.
  std::int64_t report = 0;
  std::int64_t policies = 0;
  std::size_t rows = 0;            // since the last cut
  std::vector<std::int64_t> cuts;  // numbers of policies, with some thousand rows between them
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  std::uint64_t size = 0;  // bytes

  std::uint64_t share() const { return quota / reporter_share; }
  bool has_figures_of(const KeptReport& kept) const {
    return kept.successful == successful && kept.failed == failed;
  }
  Result<KeptReport> find(Statement& statement, Time begin, std::int64_t identity);
  Result<void> prepare();
  Result<void> remove_parts();
  Result<void> remove_report(std::int64_t id);
  Result<ReporterSize*> reporter_of(const Received& received);
  Result<void> write_reporters();
  Result<std::int64_t> oldest_that_gives_way(const Received& received, std::int64_t since);
  Result<std::string> make_room(const Received& received);
  void next_report();
};

Result<ReportStore::KeptReport> ReportStore::Open::find(Statement& statement, Time begin,
                                                        std::int64_t identity) {
  statement.bind(1, to_number(begin)).bind(2, identity);
  const auto found = TRY(statement.step());
  KeptReport kept;
  if (found) {
    kept = {
        .id = statement.number(0), .successful = count_in(statement, 1), .failed = count_in(statement, 2)};
  }
  statement.reset();
  return kept;
}

Result<void> ReportStore::Open::prepare() {
  if (insert_report) return {};
  const std::pair<std::optional<Statement>&, const char*> statements[] = {
      {insert_policy, "INSERT INTO policies VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"},
      {insert_failure, "INSERT INTO failures VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"},
      {select_reporter, "SELECT bytes, since FROM reporters WHERE name = ?1 AND authenticated = ?2"},
      {add_to_reporter,
       "INSERT INTO reporters VALUES (?1, ?2, ?3, ?4) "
       "ON CONFLICT (name, authenticated) DO UPDATE SET bytes = bytes + excluded.bytes"},
      {select_unsigned,
       "SELECT id, successful, failed FROM reports WHERE begin = ?1 AND identity = ?2 AND authenticated = 0"},
      {select_signed,
       "SELECT id, successful, failed FROM reports WHERE begin = ?1 AND unsigned_identity = ?2 ORDER BY id "
       "LIMIT 1"},
      {select_any, "SELECT id, successful, failed FROM reports WHERE begin = ?1 AND identity = ?2"},
      {insert_report,
       R"(INSERT INTO reports (id, identity, begin, "end", received, successful, failed, organization, contact, )"
       "report_id, json_gzip, reporter, authenticated, size, unsigned_identity, report_domain) "
       "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16) ON CONFLICT DO "
       "NOTHING"}};
  for (const auto& [statement, sql] : statements) {
    statement.emplace(TRY(database.prepare(sql)));
  }
  return {};
}

void ReportStore::Open::next_report() {
  policies = 0;
  rows = 0;
  cuts.clear();
  successful = failed = size = 0;
}

// Removes what add() has written of a report that is not kept. Each statement removes some thousand rows:
// SQLite holds the keys of all rows that a statement deletes.
Result<void> ReportStore::Open::remove_parts() {
  cuts.push_back(policies);
  for (const char* sql : {"DELETE FROM policies WHERE report = ?1 AND number >= ?2 AND number < ?3",
                          "DELETE FROM failures WHERE report = ?1 AND policy >= ?2 AND policy < ?3"}) {
    auto statement = TRY(database.prepare(sql));
    std::int64_t from = 0;
    for (const std::int64_t to : cuts) {
      statement.bind(1, report).bind(2, std::exchange(from, to)).bind(3, to);
      TRY(statement.run());
    }
  }
  return {};
}

// Removes a whole stored report, the failures of some policies at a time. A trigger updates the row of its reporter.
Result<void> ReportStore::Open::remove_report(std::int64_t id) {
  TRY(write_reporters());
  auto row = TRY(database.prepare(
      "SELECT (SELECT max(number) FROM policies WHERE report = ?1), size FROM reports WHERE id = ?1"));
  TRY(row.bind(1, id).step());
  const std::int64_t last = row.number(0);
  total -= std::min(total, count_in(row, 1));
  row.reset();
  auto parts =
      TRY(database.prepare("DELETE FROM failures WHERE report = ?1 AND policy >= ?2 AND policy < ?3"));
  for (std::int64_t at = 0; at <= last; at += policies_at_once) {
    TRY(parts.bind(1, id).bind(2, at).bind(3, at + policies_at_once).run());
  }
  for (const char* sql : {"DELETE FROM policies WHERE report = ?1", "DELETE FROM reports WHERE id = ?1"}) {
    auto statement = TRY(database.prepare(sql));
    TRY(statement.bind(1, id).run());
  }
  return {};
}

Result<ReporterSize*> ReportStore::Open::reporter_of(const Received& received) {
  const auto [at, is_new] = reporters.try_emplace({received.reporter, received.authenticated},
                                                  ReporterSize{.since = to_number(received.received)});
  ReporterSize& reporter = at->second;
  if (!is_new) return &reporter;
  select_reporter->bind_view(1, received.reporter).bind(2, std::int64_t{received.authenticated});
  if (TRY(select_reporter->step()))
    reporter = {.since = select_reporter->number(1), .stored = count_in(*select_reporter, 0)};
  select_reporter->reset();
  return &reporter;
}

// Afterwards the table `reporters` is complete.
Result<void> ReportStore::Open::write_reporters() {
  for (const auto& [key, reporter] : reporters) {
    if (reporter.added == 0) continue;
    add_to_reporter->bind_view(1, key.first).bind(2, std::int64_t{key.second});
    add_to_reporter->bind(3, reporter.since).bind(4, to_number(reporter.added));
    TRY(add_to_reporter->run());
  }
  reporters.clear();
  return {};
}

// Returns 0 if there is none.
Result<std::int64_t> ReportStore::Open::oldest_that_gives_way(const Received& received, std::int64_t since) {
  TRY(write_reporters());
  // The first part finds the reporter that may be evicted and has the most bytes.
  auto row = TRY(database.prepare(R"sql(
    SELECT min(id) FROM reports JOIN (
      SELECT name, authenticated FROM reporters
      WHERE authenticated < ?1 OR (authenticated = ?1 AND since > ?2)
      ORDER BY authenticated, bytes DESC LIMIT 1
    ) AS last ON reporter = last.name AND reports.authenticated = last.authenticated)sql"));
  row.bind(1, std::int64_t{received.authenticated}).bind(2, since);
  TRY(row.step());
  return row.number(0);
}

// Counts the report that was just added, and makes room for it. Returns why there is none, or "".
Result<std::string> ReportStore::Open::make_room(const Received& received) {
  ReporterSize& reporter = *TRY(reporter_of(received));
  reporter.added += size;
  total += size;
  const std::uint64_t held = reporter.bytes();
  const std::int64_t since = reporter.since;
  if (held > share()) {
    return fmt::format(
        "its reporter's reports would hold {} bytes, more than the {} that are one reporter's "
        "share of report.max_store_size",
        held, share());
  }
  while (total > quota) {
    const auto oldest = TRY(oldest_that_gives_way(received, since));
    if (oldest == 0)
      return fmt::format("the store is full: all reports hold {} bytes (report.max_store_size)", quota);
    TRY(remove_report(oldest));
    ++evicted;
  }
  return std::string();
}

ReportStore::ReportStore(std::unique_ptr<Open> open) : open_(std::move(open)) {}
ReportStore::ReportStore(ReportStore&&) noexcept = default;
ReportStore& ReportStore::operator=(ReportStore&&) noexcept = default;
ReportStore::~ReportStore() = default;

Result<ReportStore> ReportStore::open(const std::filesystem::path& file, store::Access access) {
  auto database = TRY(open_database(file, access));
  return ReportStore(std::make_unique<Open>(Open{.database = std::move(database)}));
}

Result<void> ReportStore::begin() {
  auto transaction = TRY(Transaction::begin(open_->database, "IMMEDIATE"));
  open_->transaction.emplace(std::move(transaction));
  TRY(open_->prepare());
  const auto last = TRY(open_->database.number("SELECT max(id) FROM reports"));
  open_->report = last + 1;
  const auto total = TRY(open_->database.number("SELECT coalesce(sum(bytes), 0) FROM reporters"));
  open_->total = static_cast<std::uint64_t>(total);
  open_->uncommitted = 0;
  open_->reporters.clear();
  open_->next_report();
  return {};
}

Result<void> ReportStore::add(const tlsrpt::PolicyResult& policy) {
  Statement& row = *open_->insert_policy;
  const std::string policy_strings = joined(policy.policy_strings);
  const std::string mx_hosts = joined(policy.mx_hosts);
  const std::uint64_t size = size_of(policy, policy_strings, mx_hosts);
  open_->size += size;
  if (open_->size > open_->share()) return {};  // finish() refuses it
  open_->uncommitted += size;
  row.bind(1, open_->report).bind(2, open_->policies);
  row.bind_view(3, policy.policy_type).bind_view(4, policy.policy_domain);
  row.bind_view(5, policy_strings).bind_view(6, mx_hosts);
  row.bind(7, to_number(policy.successful_sessions)).bind(8, to_number(policy.failed_sessions));
  TRY(row.run());
  std::int64_t number = 0;
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    Statement& failure = *open_->insert_failure;
    failure.bind(1, open_->report).bind(2, open_->policies).bind(3, number++);
    failure.bind_view(4, detail.result_type).bind_view(5, detail.sending_mta_ip);
    failure.bind_view(6, detail.receiving_mx_hostname).bind_view(7, detail.receiving_mx_helo);
    failure.bind_view(8, detail.receiving_ip).bind(9, to_number(detail.failed_session_count));
    failure.bind_view(10, detail.additional_information).bind_view(11, detail.failure_reason_code);
    TRY(failure.run());
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

Result<AddedReport> ReportStore::finish(const Received& received) {
  Open& open = *open_;
  open.size += size_of(received);
  if (open.size > open.share()) {
    const std::string reason = fmt::format(
        "it would take more room than the {} bytes that are one reporter's share of report.max_store_size",
        open.share());
    TRY(drop());
    return AddedReport{.addition = AddResult::refused, .report = 0, .reason = reason};
  }
  return received.authenticated ? finish_signed(received) : finish_unsigned(received);
}

// Returns false if the report is in the store already.
Result<bool> ReportStore::insert(const Received& received) {
  Open& open = *open_;
  const tlsrpt::ReportHead& head = received.head;
  Statement& row = *open.insert_report;
  row.bind(1, open.report).bind(2, stored_identity(received));
  row.bind(3, to_number(head.begin)).bind(4, to_number(head.end)).bind(5, to_number(received.received));
  row.bind(6, to_number(open.successful)).bind(7, to_number(open.failed));
  row.bind_view(8, head.organization_name).bind_view(9, head.contact_info).bind_view(10, head.report_id);
  row.bind_bytes_view(11, received.packed).bind_view(12, received.reporter);
  row.bind(13, std::int64_t{received.authenticated}).bind(14, to_number(open.size));
  if (received.authenticated) row.bind(15, received.identity);
  row.bind_view(16, received.report_domain);
  const std::int64_t changes_before = open.database.total_changes();
  TRY(row.run());
  return open.database.total_changes() > changes_before;
}

Result<AddedReport> ReportStore::finish_signed(const Received& received) {
  Open& open = *open_;
  const auto twin = TRY(open.find(*open.select_unsigned, received.head.begin, received.identity));
  const bool is_same = twin.id != 0 && open.has_figures_of(twin);
  const auto inserted = TRY(insert(received));
  if (!inserted) {
    const auto other = open.find(*open.select_any, received.head.begin, stored_identity(received));
    return other ? keep_other(*other) : std::unexpected(other.error());
  }
  auto kept = finish_added(received);
  if (!kept || kept->addition != AddResult::added || twin.id == 0) return kept;
  TRY(open.remove_report(twin.id));
  if (is_same) kept->addition = AddResult::duplicate;
  return kept;
}

Result<AddedReport> ReportStore::finish_unsigned(const Received& received) {
  Open& open = *open_;
  const auto twin = TRY(open.find(*open.select_signed, received.head.begin, received.identity));
  if (twin.id != 0) return keep_other(twin);
  if (TRY(insert(received))) return finish_added(received);
  const auto kept = TRY(open.find(*open.select_unsigned, received.head.begin, received.identity));
  if (open.failed <= kept.failed) return keep_other(kept);
  TRY(open.remove_report(kept.id));
  TRY(insert(received));
  auto added = finish_added(received);
  if (!added || added->addition != AddResult::added) return added;
  added->addition = AddResult::conflicting;
  added->reason = "it has more failures than the same report that was kept, and takes its place";
  return added;
}

// Keeps the stored report, and drops the one that was being added.
Result<AddedReport> ReportStore::keep_other(const KeptReport& other) {
  const bool is_same = open_->has_figures_of(other);
  TRY(drop());
  return AddedReport{
      .addition = is_same ? AddResult::duplicate : AddResult::conflicting, .report = other.id, .reason = {}};
}

Result<AddedReport> ReportStore::finish_added(const Received& received) {
  Open& open = *open_;
  open.uncommitted += size_of(received);
  const auto refusal = TRY(open.make_room(received));
  if (!refusal.empty()) {
    TRY(open.remove_report(open.report));
    open.next_report();
    return AddedReport{.addition = AddResult::refused, .report = 0, .reason = refusal};
  }
  open.next_report();
  return AddedReport{.addition = AddResult::added, .report = open.report++, .reason = {}};
}

void ReportStore::set_quota(std::uint64_t bytes) {
  open_->quota = bytes;
}

std::uint64_t ReportStore::uncommitted_size() const {
  return open_->uncommitted;
}

std::uint64_t ReportStore::evicted() const {
  return open_->evicted;
}

Result<void> ReportStore::drop() {
  auto done = open_->policies > 0 ? open_->remove_parts() : Result<void>();
  open_->next_report();
  return done;
}

Result<void> ReportStore::commit() {
  TRY(open_->write_reporters());
  auto done = open_->transaction->commit();
  open_->transaction.reset();
  return done;
}

Result<void> ReportStore::prune(Day before, std::size_t max) {
  auto transaction = TRY(Transaction::begin(open_->database, "IMMEDIATE"));
  std::set<std::int64_t> old;
  for (const char* sql :
       {R"(SELECT id FROM reports WHERE begin < ?1 AND "end" < ?1 ORDER BY begin, id LIMIT ?2)",
        "SELECT id FROM reports WHERE received < ?1 ORDER BY received LIMIT ?2"}) {
    auto rows = TRY(open_->database.prepare(sql));
    rows.bind(1, to_number(Time(before))).bind(2, static_cast<std::int64_t>(max));
    while (true) {
      const auto row = TRY(rows.step());
      if (!row) break;
      old.insert(rows.number(0));
    }
  }
  for (const std::int64_t id : old) {
    TRY(open_->remove_report(id));
  }
  return transaction.commit();
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
          .signer = row.number(14) != 0 ? row.text(13) : "",
          .report_domain = row.text(15),
          .head = {.organization_name = row.text(2),
                   .begin = time_in(row, 3),
                   .end = time_in(row, 4),
                   .contact_info = row.text(5),
                   .report_id = row.text(6)},
          .policy = {.policy_type = row.text(7),
                     .policy_strings = split(row.text(8)),
                     .policy_domain = tlsrpt::normalise_policy_domain(row.text(9)),
                     .mx_hosts = split(row.text(10)),
                     .successful_sessions = count_in(row, 11),
                     .failed_sessions = count_in(row, 12),
                     .failure_details = {}}};
}

}  // namespace

Result<void> ReportStore::read_rows(
    const store::Period& period,
    const std::function<Result<void>(std::int64_t number, ReportedPolicy&&)>& take) {
  TRY(Transaction::begin(open_->database, "DEFERRED"));
  auto rows = TRY(open_->database.prepare(R"sql(
    SELECT r.id, p.number, r.organization, r.begin, r."end", r.contact, r.report_id, p.policy_type, p.policy_strings,
           p.policy_domain, p.mx_hosts, p.successful, p.failed, r.reporter, r.authenticated, r.report_domain
    FROM reports AS r JOIN policies AS p ON p.report = r.id
    WHERE r.begin >= ?1 AND r.begin < ?2 ORDER BY r.id, p.number)sql"));
  rows.bind(1, to_number(Time(period.since))).bind(2, to_number(Time(period.until + std::chrono::days{1})));
  while (true) {
    const auto row = TRY(rows.step());
    if (!row) return {};
    TRY(take(rows.number(1), policy_in(rows)));
  }
}

Result<void> ReportStore::read(const store::Period& period, const std::optional<std::string>& policy_domain,
                               const std::function<void(ReportedPolicy&&)>& take) {
  auto failures = TRY(open_->database.prepare(
      "SELECT number, result_type, sending_mta_ip, receiving_mx_hostname, receiving_mx_helo, receiving_ip, "
      "sessions, "
      "additional_information, failure_reason_code FROM failures WHERE report = ?1 AND policy = ?2 ORDER BY "
      "number"));
  return read_rows(period, [&](std::int64_t number, ReportedPolicy&& reported) -> Result<void> {
    if (policy_domain && reported.policy.policy_domain != *policy_domain) return {};
    failures.bind(1, reported.report).bind(2, number);
    while (true) {
      const auto failure = TRY(failures.step());
      if (!failure) break;
      reported.policy.failure_details.push_back(failure_in(failures));
    }
    failures.reset();
    take(std::move(reported));
    return {};
  });
}

Result<void> ReportStore::read_policies(const store::Period& period,
                                        const std::function<void(ReportedPolicy&&)>& take) {
  return read_rows(period, [&](std::int64_t, ReportedPolicy&& reported) -> Result<void> {
    take(std::move(reported));
    return {};
  });
}

Result<std::string> ReportStore::packed(std::int64_t report) {
  auto row = TRY(open_->database.prepare("SELECT json_gzip FROM reports WHERE id = ?1"));
  TRY(row.bind(1, report).step());
  return row.text(0);
}

}  // namespace starttls::tlsrptdb
