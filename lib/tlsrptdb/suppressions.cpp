#include "tlsrptdb/suppressions.h"

#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "store/columns.h"
#include "tlsrptdb/database.h"

namespace starttls::tlsrptdb {

using store::to_number;

struct Suppressions::Open {
  sqlite::Database database;
};

Suppressions::Suppressions(std::unique_ptr<Open> open) : open_(std::move(open)) {}
Suppressions::Suppressions(Suppressions&&) noexcept = default;
Suppressions& Suppressions::operator=(Suppressions&&) noexcept = default;
Suppressions::~Suppressions() = default;

Result<Suppressions> Suppressions::open(const std::filesystem::path& file, store::Access access) {
  auto database = TRY(open_database(file, access));
  return Suppressions(std::make_unique<Open>(Open{.database = std::move(database)}));
}

Result<std::vector<Suppression>> Suppressions::active(Time now) {
  auto rows = TRY(open_->database.prepare(
      "SELECT address, since, reason FROM suppressions WHERE since > ?1 ORDER BY address"));
  rows.bind(1, to_number(now - suppression_time));
  std::vector<Suppression> found;
  for (;;) {
    const auto row = TRY(rows.step());
    if (!row) return found;
    found.push_back({.address = rows.text(0), .since = store::time_in(rows, 1), .reason = rows.text(2)});
  }
}

Result<void> Suppressions::add(const Suppression& suppression) {
  auto row = TRY(open_->database.prepare(
      "INSERT INTO suppressions (address, since, reason) SELECT ?1, ?2, ?3 "
      "WHERE (SELECT count(*) FROM suppressions) < ?4 OR EXISTS (SELECT 1 FROM suppressions WHERE address = "
      "?1) "
      "ON CONFLICT DO UPDATE SET since = max(since, excluded.since), reason = excluded.reason"));
  row.bind(1, to_lower(suppression.address))
      .bind(2, to_number(suppression.since))
      .bind(3, suppression.reason);
  return row.bind(4, static_cast<std::int64_t>(max_suppressions)).run();
}

Result<bool> Suppressions::remove(const std::string& address) {
  auto row = TRY(open_->database.prepare("DELETE FROM suppressions WHERE address = ?1"));
  const std::int64_t before = open_->database.total_changes();
  TRY(row.bind(1, to_lower(address)).run());
  return open_->database.total_changes() > before;
}

Result<void> Suppressions::forget_ended(Time now) {
  auto row = TRY(open_->database.prepare("DELETE FROM suppressions WHERE since <= ?1"));
  return row.bind(1, to_number(now - suppression_time)).run();
}

}  // namespace starttls::tlsrptdb
