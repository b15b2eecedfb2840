#include "sqlite/schema.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>

#include "base/file.h"
#include "base/text.h"

namespace starttls::sqlite {
namespace {

Result<void> write_new(const std::filesystem::path& file, const Schema& schema) {
  auto database = Database::open(file, Opening::writing);
  if (!database) return std::unexpected(database.error());
  // What does not become whole is thrown away: there is nothing to roll back.
  if (auto done = database->execute("PRAGMA journal_mode = MEMORY"); !done) return done;
  return lay_out(*database, schema);
}

std::unexpected<Error> cannot_create(const std::filesystem::path& file, int error) {
  return fail(error == EACCES || error == EROFS || error == EPERM ? Fault::permission : Fault::unavailable,
              "{}: {}", printable(file.string()), errno_text(error));
}

// Where that is not possible, as on some network file systems, it stays root's.
void give_to_owner_of(const std::filesystem::path& folder, int descriptor) {
  if (::geteuid() != 0) return;
  struct stat info{};
  if (::stat(folder.empty() ? "." : folder.c_str(), &info) != 0) return;
  const int ignored = ::fchown(descriptor, info.st_uid, info.st_gid);
  static_cast<void>(ignored);
}

Result<void> stamp(Database& database, const Schema& schema) {
  return database.execute(fmt::format("PRAGMA application_id = {}; PRAGMA user_version = {}",
                                      schema.application_id, schema.version));
}

}  // namespace

Result<void> lay_out(Database& database, const Schema& schema) {
  auto transaction = Transaction::begin(database, "IMMEDIATE");
  if (!transaction) return std::unexpected(transaction.error());
  if (auto done = database.execute(schema.statements); !done) return done;
  if (auto done = stamp(database, schema); !done) return done;
  return transaction->commit();
}

Result<void> upgrade(Database& database, const Schema& schema) {
  const auto before = standing_of(database, schema);
  if (!before) return std::unexpected(before.error());
  if (*before != Standing::older) return {};
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
  std::string draft = file.string() + ".new-XXXXXX";
  const UniqueFd fd(::mkostemp(draft.data(), O_CLOEXEC));
  if (!fd) return cannot_create(file, errno);
  give_to_owner_of(file.parent_path(), fd.get());
  auto written = ::fchmod(fd.get(), mode) == 0 ? write_new(draft, schema) : cannot_create(file, errno);
  // Another process may have been faster; its database is as good.
  if (written && ::link(draft.c_str(), file.c_str()) != 0 && errno != EEXIST) {
    written = cannot_create(file, errno);
  }
  ::unlink(draft.c_str());
  if (!written) return written;
  return sync_directory(file.parent_path());
}

Result<Standing> standing_of(Database& database, const Schema& schema) {
  const auto application = database.number("PRAGMA application_id");
  if (!application) return std::unexpected(application.error());
  const auto version = database.number("PRAGMA user_version");
  if (!version) return std::unexpected(version.error());
  if (*application != schema.application_id) return Standing::foreign;
  if (*version > schema.version) return Standing::newer;
  return *version < schema.version && !schema.upgrades.empty() ? Standing::older : Standing::ours;
}

Result<void> check(Database& database, const Schema& schema, const std::filesystem::path& file) {
  const auto standing = standing_of(database, schema);
  if (!standing) return std::unexpected(standing.error());
  const std::string name = printable(file.string());
  if (*standing == Standing::foreign) return fail(Fault::data, "{}: not {}", name, schema.kind);
  if (*standing == Standing::older) {
    return fail(Fault::data,
                "{}: made by an older version, and not upgraded yet: the program that writes it does that",
                name);
  }
  if (*standing == Standing::newer) {
    return fail(Fault::data, "{}: made by a newer version (this program knows schema {})", name,
                schema.version);
  }
  return {};
}

}  // namespace starttls::sqlite
