#include "store/sqlite_damage.h"

#include <utility>

#include "base/text.h"
#include "base/try.h"
#include "sqlite/sqlite.h"

namespace starttls::store {
namespace {

using sqlite::Database;

// "PRAGMA quick_check" (SQLite's manual).
Result<bool> passes_quick_check(const std::filesystem::path& file) {
  auto database = TRY(Database::open(file, sqlite::OpenMode::read_write));
  auto check = TRY(database.prepare("PRAGMA quick_check(1)"));
  return !TRY(check.step()) || check.text(0) == "ok";
}

}  // namespace

Result<bool> is_damaged(const std::filesystem::path& file) {
  std::error_code error;
  // For SQLite an empty file is a database without tables.
  if (std::filesystem::file_size(file, error) == 0 && !error) return true;
  const auto is_sound = passes_quick_check(file);
  if (is_sound) return !*is_sound;
  if (is_sound.error().fault == Fault::data) return true;
  return is_sound;
}

DamageDetector::DamageDetector(std::filesystem::path file) : file_(std::move(file)) {
  remember();
}

Result<void> DamageDetector::check() {
  if (seen_ == file_stamp(file_)) return {};
  if (TRY(is_damaged(file_)))
    return fail(Fault::data, "{}: was damaged while it was in use", printable(file_.string()));
  remember();
  return {};
}

void DamageDetector::remember() {
  seen_ = file_stamp(file_);
}

}  // namespace starttls::store
