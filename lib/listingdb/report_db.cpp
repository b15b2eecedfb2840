#include "listingdb/report_db.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string_view>

#include "base/saturated.h"
#include "base/text.h"
#include "base/try.h"
#include "sqlite/schema.h"

namespace starttls::listingdb {
namespace {

using listing::DeliveryReport;
using listing::Failures;
using sqlite::Database;
using sqlite::OpenMode;
using sqlite::Statement;
using sqlite::Transaction;

constexpr std::size_t max_type_size = 60;       // bytes; a longer one is "other"
constexpr std::size_t max_reporter_size = 100;  // bytes

// Days are days since 1970-01-01. Failures are written "certificate-expired=3 starttls-not-supported=1".
const sqlite::Schema schema{.kind = "reports about the domains of a published list",
                            .application_id = 0x53544C45,  // "STLE"
                            .version = 1,
                            .statements = R"sql(
  CREATE TABLE reports (fingerprint INTEGER PRIMARY KEY, day INTEGER NOT NULL);
  CREATE TABLE deliveries (
    domain TEXT NOT NULL,
    day INTEGER NOT NULL,
    reporter TEXT NOT NULL,
    successful INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    failures TEXT NOT NULL,
    PRIMARY KEY (domain, day, reporter)
  ) WITHOUT ROWID;
  CREATE INDEX reports_day ON reports (day);
  CREATE INDEX deliveries_day ON deliveries (day);
)sql",
                            .upgrades = {}};

constexpr std::string_view columns = "domain, day, reporter, successful, failed, failures";

std::int64_t number_of(Day day) {
  return day.time_since_epoch().count();
}
std::int64_t number_of(std::uint64_t count) {
  return static_cast<std::int64_t>(std::min(count, max_count));
}

bool is_type(std::string_view text) {
  constexpr std::string_view characters = "abcdefghijklmnopqrstuvwxyz0123456789-";
  return !text.empty() && text.size() <= max_type_size &&
         text.find_first_not_of(characters) == std::string_view::npos;
}

std::string to_text(const Failures& failures) {
  Failures known;
  for (const auto& [type, sessions] : failures) {
    const bool is_kept = is_type(type) && (known.size() < max_failure_types || known.contains(type));
    add_saturated(known[is_kept ? type : "other"], sessions);
  }
  std::string text;
  for (const auto& [type, sessions] : known)
    text += fmt::format("{}{}={}", text.empty() ? "" : " ", type, sessions);
  return text;
}

// What to_text() has written.
Failures failures_in(std::string_view text) {
  Failures failures;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    const std::size_t equals = std::min(word.find('='), word.size());
    const std::string_view digits = word.substr(std::min(equals + 1, word.size()));
    std::uint64_t sessions = 0;
    std::from_chars(digits.data(), digits.data() + digits.size(), sessions);
    add_saturated(failures[std::string(word.substr(0, equals))], sessions);
  }
  return failures;
}

DeliveryReport delivery_in(const Statement& row) {
  return {.day = Day(std::chrono::days(row.number(1))),
          .reporter = row.text(2),
          .successful = static_cast<std::uint64_t>(row.number(3)),
          .failed = static_cast<std::uint64_t>(row.number(4)),
          .failures = failures_in(row.text(5))};
}

// Adds one report's sessions with a domain.
class Adder {
 public:
  static Result<Adder> create(Database& database, const ReportLimits& limits) {
    auto find = TRY(database.prepare(
        fmt::format("SELECT {} FROM deliveries WHERE domain = ?1 AND day = ?2 AND reporter = ?3", columns)));
    auto count = TRY(database.prepare("SELECT count(*) FROM deliveries WHERE domain = ?1 AND day = ?2"));
    auto put = TRY(database.prepare(
        fmt::format("INSERT OR REPLACE INTO deliveries ({}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)", columns)));
    const std::int64_t all = TRY(database.number("SELECT count(*) FROM deliveries"));
    return Adder(std::move(find), std::move(count), std::move(put), limits, static_cast<std::size_t>(all));
  }

  // false: it is beyond a limit.
  Result<bool> add(const DomainName& domain, DeliveryReport report) {
    report.reporter = printable(report.reporter, max_reporter_size);
    std::optional<DeliveryReport> before = TRY(find(domain, report));
    if (before) {
      listing::add(*before, report);
      report = std::move(*before);
    } else if (TRY(is_full(domain, report.day))) {
      return false;
    }
    put_.bind(1, domain.str()).bind(2, number_of(report.day)).bind(3, report.reporter);
    put_.bind(4, number_of(report.successful)).bind(5, number_of(report.failed));
    TRY(put_.bind(6, to_text(report.failures)).run());
    if (!before) ++all_;
    return true;
  }

 private:
  Adder(Statement find, Statement count, Statement put, ReportLimits limits, std::size_t all)
      : find_(std::move(find)), count_(std::move(count)), put_(std::move(put)), limits_(limits), all_(all) {}

  Result<std::optional<DeliveryReport>> find(const DomainName& domain, const DeliveryReport& report) {
    find_.reset();
    find_.bind(1, domain.str()).bind(2, number_of(report.day)).bind(3, report.reporter);
    std::optional<DeliveryReport> found;
    if (TRY(find_.step())) found = delivery_in(find_);
    find_.reset();
    return found;
  }
  Result<bool> is_full(const DomainName& domain, Day day) {
    if (all_ >= limits_.deliveries) return true;
    count_.reset();
    count_.bind(1, domain.str()).bind(2, number_of(day));
    TRY(count_.step());
    const bool is_full = static_cast<std::size_t>(count_.number(0)) >= limits_.reporters;
    count_.reset();
    return is_full;
  }

  Statement find_;
  Statement count_;
  Statement put_;
  ReportLimits limits_;
  std::size_t all_;
};

}  // namespace

Result<ReportDb> ReportDb::open(const std::filesystem::path& file, ReportLimits limits) {
  constexpr mode_t mode = 0640;
  if (std::error_code none; !std::filesystem::exists(file, none)) TRY(sqlite::create(file, schema, mode));
  auto database = TRY(Database::open(file, OpenMode::read_write));
  TRY(sqlite::check(database, schema, file));
  return ReportDb(std::move(database), limits);
}

Result<Taken> ReportDb::take(const TakenReport& report) {
  Taken taken;
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  auto put = TRY(database_.prepare("INSERT OR IGNORE INTO reports VALUES (?1, ?2)"));
  const std::int64_t before = database_.total_changes();
  TRY(put.bind(1, report.fingerprint).bind(2, number_of(report.day)).run());
  taken.is_new = database_.total_changes() > before;
  if (!taken.is_new) return taken;
  Adder adder = TRY(Adder::create(database_, limits_));
  for (const auto& [domain, delivery] : report.deliveries)
    if (!TRY(adder.add(domain, delivery))) ++taken.left_out;
  TRY(transaction.commit());
  return taken;
}

Result<std::vector<DeliveryReport>> ReportDb::find(const DomainName& domain, Day from) {
  auto statement = TRY(database_.prepare(fmt::format(
      "SELECT {} FROM deliveries WHERE domain = ?1 AND day >= ?2 ORDER BY day, reporter", columns)));
  statement.bind(1, domain.str()).bind(2, number_of(from));
  std::vector<DeliveryReport> all;
  while (TRY(statement.step())) all.push_back(delivery_in(statement));
  return all;
}

Result<std::map<DomainName, std::vector<DeliveryReport>>> ReportDb::with_failures(Day from) {
  auto statement =
      TRY(database_.prepare(fmt::format("SELECT {} FROM deliveries WHERE day >= ?1 AND domain IN "
                                        "(SELECT domain FROM deliveries WHERE day >= ?1 AND failed > 0)",
                                        columns)));
  statement.bind(1, number_of(from));
  std::map<DomainName, std::vector<DeliveryReport>> all;
  while (TRY(statement.step())) {
    const DomainName domain = TRY(DomainName::parse(statement.text(0)));
    all[domain].push_back(delivery_in(statement));
  }
  return all;
}

Result<void> ReportDb::prune(Day oldest) {
  auto transaction = TRY(Transaction::begin(database_, "IMMEDIATE"));
  for (const char* const table : {"reports", "deliveries"}) {
    auto remove = TRY(database_.prepare(fmt::format("DELETE FROM {} WHERE day < ?1", table)));
    TRY(remove.bind(1, number_of(oldest)).run());
  }
  return transaction.commit();
}

}  // namespace starttls::listingdb
