#include "outbound/report_claims.h"

#include <utility>

#include "base/try.h"
#include "outbound/postgres_schema.h"
#include "store/columns.h"

namespace starttls::outbound {
namespace {

using postgres::Connection;
using postgres::Parameters;
using postgres::Row;
using postgres::Transaction;
using store::to_number;

// In milliseconds since 1970.
constexpr const char* now = "(extract(epoch FROM clock_timestamp()) * 1000)::bigint";
constexpr std::int64_t day_length = std::chrono::milliseconds(std::chrono::days{1}).count();

Result<postgres::SharedStore> connect(const std::string& url) {
  return postgres::SharedStore::open(url, "", shared_store_kind());
}

Result<std::optional<ReportClaim>> find_claim(Connection& connection, Day day, const std::string& writer) {
  std::optional<ReportClaim> found;
  TRY(connection.read("SELECT report_host, writer_host, writer, queued FROM outbound_reports WHERE day = $1",
                      Parameters().add(to_number(day)), [&](const Row& row) -> Result<void> {
                        found = {.is_ours = row.text(2) == writer,
                                 .is_queued = row.number(3) != 0,
                                 .report_host = store::text_in(row, 0),
                                 .writer_host = store::text_in(row, 1)};
                        return {};
                      }));
  return found;
}

}  // namespace

Result<ReportClaim> ReportClaims::claim(Day day) const {
  const std::int64_t time = std::chrono::milliseconds(claim_time).count();
  auto shared = TRY(connect(url_));
  auto transaction = TRY(Transaction::begin(shared.connection(), "ISOLATION LEVEL READ COMMITTED"));
  TRY(transaction.demand_sync());
  // A claim has time left if it ends after the moment at which ours begins.
  TRY(shared.connection().execute(
      fmt::format(
          "INSERT INTO outbound_reports AS r (day, report_host, writer, writer_host, claimed_until, queued) "
          "SELECT $1::integer, $2::text, $3::text, $2::text, {0} + {1}, 0 WHERE $1::integer < {0} / {2} "
          "ON CONFLICT (day) DO UPDATE SET writer = excluded.writer, writer_host = excluded.writer_host, "
          "claimed_until = excluded.claimed_until WHERE r.queued = 0 "
          "AND (r.writer = excluded.writer OR r.claimed_until <= excluded.claimed_until - {1})",
          now, time, day_length),
      Parameters().add(to_number(day)).add(host_).add(writer_)));
  auto found = TRY(find_claim(shared.connection(), day, writer_));
  TRY(transaction.commit());
  if (found) return std::move(*found);
  return fail(Fault::temporary, "{}: {} is not over by its clock", shared.connection().name(),
              to_string(day));
}

Result<bool> ReportClaims::set_queued(Day day) const {
  auto shared = TRY(connect(url_));
  auto transaction = TRY(Transaction::begin(shared.connection(), "ISOLATION LEVEL READ COMMITTED"));
  TRY(transaction.demand_sync());
  const auto changed =
      TRY(shared.connection().execute("UPDATE outbound_reports SET queued = 1 WHERE day = $1 AND writer = $2",
                                      Parameters().add(to_number(day)).add(writer_)));
  TRY(transaction.commit());
  return changed > 0;
}

Result<std::optional<ReportClaim>> ReportClaims::find(Day day) const {
  auto shared = TRY(connect(url_));
  return find_claim(shared.connection(), day, writer_);
}

Result<std::vector<Day>> ReportClaims::unfinished() const {
  auto shared = TRY(connect(url_));
  std::vector<Day> days;
  TRY(shared.connection().read(
      fmt::format("SELECT day FROM outbound_reports WHERE queued = 0 AND day >= {0} / {1} - $1::integer "
                  "AND (writer = $2 OR claimed_until <= {0}) ORDER BY day",
                  now, day_length),
      Parameters().add(std::int64_t{max_late.count()}).add(writer_), [&](const Row& row) -> Result<void> {
        days.push_back(store::day_in(row, 0));
        return {};
      }));
  return days;
}

}  // namespace starttls::outbound
