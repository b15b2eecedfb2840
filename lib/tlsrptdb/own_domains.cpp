#include "tlsrptdb/own_domains.h"

#include <utility>

#include "base/try.h"
#include "store/columns.h"
#include "tlsrptdb/database.h"

namespace starttls::tlsrptdb {

using sqlite::Database;
using store::time_in;
using store::to_number;

struct OwnDomains::Open {
  Database database;
};

OwnDomains::OwnDomains(std::unique_ptr<Open> open) : open_(std::move(open)) {}
OwnDomains::OwnDomains(OwnDomains&&) noexcept = default;
OwnDomains& OwnDomains::operator=(OwnDomains&&) noexcept = default;
OwnDomains::~OwnDomains() = default;

Result<OwnDomains> OwnDomains::open(const std::filesystem::path& file, store::Access access) {
  auto database = TRY(open_database(file, access));
  return OwnDomains(std::make_unique<Open>(Open{.database = std::move(database)}));
}

Result<std::vector<SeenMxHost>> OwnDomains::mx_hosts() {
  auto rows = TRY(
      open_->database.prepare("SELECT policy_domain, host, seen FROM mx_hosts ORDER BY policy_domain, host"));
  std::vector<SeenMxHost> found;
  while (true) {
    const auto row = TRY(rows.step());
    if (!row) return found;
    found.push_back({.policy_domain = rows.text(0), .host = rows.text(1), .seen = time_in(rows, 2)});
  }
}

Result<void> OwnDomains::keep(const SeenMxHost& host) {
  auto row = TRY(open_->database.prepare("INSERT OR REPLACE INTO mx_hosts VALUES (?1, ?2, ?3)"));
  return row.bind(1, host.policy_domain).bind(2, host.host).bind(3, to_number(host.seen)).run();
}

Result<void> OwnDomains::forget_mx_hosts(Time seen_before) {
  auto row = TRY(open_->database.prepare("DELETE FROM mx_hosts WHERE seen < ?1"));
  return row.bind(1, to_number(seen_before)).run();
}

Result<std::vector<Publication>> OwnDomains::publications() {
  auto rows = TRY(open_->database.prepare(
      "SELECT policy_domain, kind, seen, missed FROM publications ORDER BY policy_domain, kind"));
  std::vector<Publication> found;
  while (true) {
    const auto row = TRY(rows.step());
    if (!row) return found;
    Publication publication{.policy_domain = rows.text(0), .kind = rows.text(1), .seen = time_in(rows, 2)};
    if (!rows.is_null(3)) publication.missed = time_in(rows, 3);
    found.push_back(std::move(publication));
  }
}

Result<void> OwnDomains::keep(const Publication& publication) {
  auto row = TRY(open_->database.prepare("INSERT OR REPLACE INTO publications VALUES (?1, ?2, ?3, ?4)"));
  row.bind(1, publication.policy_domain).bind(2, publication.kind).bind(3, to_number(publication.seen));
  if (publication.missed) row.bind(4, to_number(*publication.missed));
  return row.run();
}

Result<void> OwnDomains::forget(const Publication& publication) {
  auto row = TRY(open_->database.prepare("DELETE FROM publications WHERE policy_domain = ?1 AND kind = ?2"));
  return row.bind(1, publication.policy_domain).bind(2, publication.kind).run();
}

}  // namespace starttls::tlsrptdb
