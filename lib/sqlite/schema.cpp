#include "sqlite/schema.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>

#include "base/atomic_file.h"
#include "base/text.h"

namespace starttls::sqlite {
namespace {

// What a new file holds: made in memory, so that no path of a file that is not whole is opened.
Result<std::string> image_of(const Schema& schema) {
  auto database = Database::in_memory();
  if (!database) return std::unexpected(database.error());
  if (auto done = create_schema(*database, schema); !done) return std::unexpected(done.error());
  return database->image();
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
  auto transaction = Transaction::begin(database, "IMMEDIATE");
  if (!transaction) return std::unexpected(transaction.error());
  if (auto done = database.execute(schema.statements); !done) return done;
  if (auto done = stamp(database, schema); !done) return done;
  return transaction->commit();
}

Result<void> upgrade(Database& database, const Schema& schema) {
  const auto before = schema_status(database, schema);
  if (!before) return std::unexpected(before.error());
  if (*before != SchemaStatus::older) return {};
  auto transaction = Transaction::begin(database, "IMMEDIATE");
  if (!transaction) return std::unexpected(transaction.error());
  // Another process may have been faster.
  const auto version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  for (std::int64_t v = std::max<std::int64_t>(*version, 1); v < schema.version; ++v) {
    const auto* const step = schema.upgrades[static_cast<std::size_t>(v - 1)];
    if (auto done = database.execute(step); !done) return done;
  }
  if (auto done = stamp(database, schema); !done) return done;
  return transaction->commit();
}

Result<void> create(const std::filesystem::path& file, const Schema& schema, mode_t mode) {
  const auto image = image_of(schema);
  if (!image) return std::unexpected(image.error());
  auto draft = AtomicFile::create(file, mode);
  if (!draft) return cannot_create(file, draft.error());
  draft->inherit_directory_owner();
  draft->append(*image);
  if (auto done = draft->finish(); !done) return cannot_create(file, done.error());
  // Another process may have been faster; its database is as good.
  if (auto done = draft->commit_if_new(); !done) return cannot_create(file, done.error());
  return {};
}

Result<SchemaStatus> schema_status(Database& database, const Schema& schema) {
  const auto application = database.number("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  const auto version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*application != schema.application_id) return SchemaStatus::foreign;
  if (*version > schema.version) return SchemaStatus::newer;
  return *version < schema.version && !schema.upgrades.empty() ? SchemaStatus::older : SchemaStatus::ours;
}

Result<void> check(Database& database, const Schema& schema, const std::filesystem::path& file) {
  const auto standing = schema_status(database, schema);
  if (!standing) return std::unexpected(standing.error());
  const std::string name = printable(file.string());
  if (*standing == SchemaStatus::foreign) return fail(Fault::data, "{}: not {}", name, schema.kind);
  if (*standing == SchemaStatus::older) {
    return fail(Fault::data,
                "{}: made by an older version, and not upgraded yet: the program that writes it does that",
                name);
  }
  if (*standing == SchemaStatus::newer) {
    return fail(Fault::data, "{}: made by a newer version (this program knows schema {})", name,
                schema.version);
  }
  return {};
}

}  // namespace starttls::sqlite
