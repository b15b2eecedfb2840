#include "sqlite/schema.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/atomic_file.h"
#include "base/newer_format.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::sqlite {
namespace {

// Creates the content of a new file in memory, so that an incomplete file never has a path.
Result<std::string> schema_image(const Schema& schema) {
  auto database = TRY(Database::in_memory());
  TRY(create_schema(database, schema));
  return database.image();
}

std::unexpected<Error> cannot_create(const std::filesystem::path& file, Error error) {
  if (error.fault == Fault::io) return std::unexpected(std::move(error));
  const std::filesystem::path directory = file.has_parent_path() ? file.parent_path() : ".";
  const bool is_denied = ::access(directory.c_str(), W_OK | X_OK) != 0 && errno != ENOENT && errno != ENOTDIR;
  error.fault = is_denied ? Fault::permission : Fault::unavailable;
  return std::unexpected(std::move(error));
}

Result<void> stamp(Database& database, const Schema& schema) {
  return database.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                      schema.application_id, schema.version));
}

}  // namespace

Result<void> create_schema(Database& database, const Schema& schema) {
  auto transaction = TRY(Transaction::begin(database, "IMMEDIATE"));
  TRY(database.execute(schema.statements));
  TRY(stamp(database, schema));
  return transaction.commit();
}

Result<void> upgrade(Database& database, const Schema& schema) {
  const auto before = TRY(schema_status(database, schema));
  if (before != SchemaStatus::older) return {};
  auto transaction = TRY(Transaction::begin(database, "IMMEDIATE"));
  // Another process may have upgraded it first.
  const auto version = TRY(database.number("PRAGMA user_version"));
  for (std::int64_t v = std::max<std::int64_t>(version, 1); v < schema.version; ++v) {
    const auto* const step = schema.upgrades[static_cast<std::size_t>(v - 1)];
    TRY(database.execute(step));
  }
  TRY(stamp(database, schema));
  return transaction.commit();
}

Result<void> create(const std::filesystem::path& file, const Schema& schema, mode_t mode) {
  const auto image = TRY(schema_image(schema));
  auto draft = AtomicFile::create(file, mode);
  if (!draft) return cannot_create(file, draft.error());
  draft->inherit_directory_owner();
  draft->append(image);
  if (auto done = draft->finish(); !done) return cannot_create(file, done.error());
  // Another process may have created it first. Its database is as good.
  if (auto done = draft->commit_if_new(); !done) return cannot_create(file, done.error());
  return {};
}

Result<SchemaStatus> schema_status(Database& database, const Schema& schema) {
  const auto application = TRY(database.number("PRAGMA application_id"));
  const auto version = TRY(database.number("PRAGMA user_version"));
  if (application != schema.application_id) return SchemaStatus::foreign;
  if (version > schema.version) return SchemaStatus::newer;
  return version < schema.version && !schema.upgrades.empty() ? SchemaStatus::older : SchemaStatus::ours;
}

Result<void> check(Database& database, const Schema& schema, const std::filesystem::path& file) {
  const auto standing = TRY(schema_status(database, schema));
  const std::string name = printable(file.string());
  if (standing == SchemaStatus::foreign) return fail(Fault::data, "{}: not {}", name, schema.kind);
  if (standing == SchemaStatus::older) {
    return fail(Fault::data,
                "{}: made by an older version, and not upgraded yet: the program that writes it does that",
                name);
  }
  if (standing == SchemaStatus::newer) {
    const auto version = TRY(database.number("PRAGMA user_version"));
    return made_by_newer_version(name, schema.kind, fmt::format("schema {}", version),
                                 fmt::format("schema {}", schema.version));
  }
  return {};
}

}  // namespace starttls::sqlite
