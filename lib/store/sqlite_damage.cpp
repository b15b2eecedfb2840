#include "store/sqlite_damage.h"

#include <utility>

#include "base/text.h"
#include "sqlite/sqlite.h"

namespace starttls::store {
namespace {

using sqlite::Database;

struct stat state_of(const std::filesystem::path& file) {
  struct stat state{};
  if (::stat(file.c_str(), &state) != 0) return {};
  return state;
}

bool is_same(const struct stat& one, const struct stat& other) {
  return one.st_size == other.st_size && one.st_mtim.tv_sec == other.st_mtim.tv_sec &&
         one.st_mtim.tv_nsec == other.st_mtim.tv_nsec;
}

}  // namespace

Result<bool> is_damaged(const std::filesystem::path& file) {
  std::error_code error;
  // For SQLite that is a database without tables.
  if (std::filesystem::file_size(file, error) == 0 && !error) return true;
  auto database = Database::open(file, sqlite::OpenMode::read_write);
  auto check = database ? database->prepare("PRAGMA quick_check(1)") : std::unexpected(database.error());
  const auto row = check ? check->step() : std::unexpected(check.error());
  if (row) return *row && check->text(0) != "ok";
  if (row.error().fault == Fault::data) return true;
  return std::unexpected(row.error());
}

DamageDetector::DamageDetector(std::filesystem::path file) : file_(std::move(file)) {
  note();
}

Result<void> DamageDetector::check() {
  if (is_same(seen_, state_of(file_))) return {};
  const auto damaged = is_damaged(file_);
  if (!damaged) return std::unexpected(damaged.error());
  if (*damaged) return fail(Fault::data, "{}: was damaged while it was in use", printable(file_.string()));
  note();
  return {};
}

void DamageDetector::note() {
  seen_ = state_of(file_);
}

}  // namespace starttls::store
