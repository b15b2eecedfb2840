#include "sqlite/schema.h"

#include <sys/stat.h>
#include <unistd.h>

#include "base/version.h"
#include "support.h"

using namespace starttls;
using namespace starttls::sqlite;
using namespace starttls::test;

namespace {

constexpr Schema schema{
    .kind = "a test", .application_id = 1234, .version = 2, .statements = "CREATE TABLE t (a)"};

Error error_of(const std::filesystem::path& file) {
  auto database = good(Database::open(file, OpenMode::read_only));
  return bad(check(database, schema, file));
}

}  // namespace

TEST_CASE("a new database has its schema, its mode whatever the umask, and no other file") {
  const TemporaryFolder folder;
  const mode_t before = ::umask(0077);
  good(create(folder / "f", schema, 0644));
  ::umask(before);
  auto database = good(Database::open(folder / "f", OpenMode::read_only));
  good(check(database, schema, folder / "f"));
  CHECK(good(database.number("SELECT count(*) FROM t")) == 0);
  struct stat info{};
  REQUIRE(::stat((folder / "f").c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0644);
  CHECK(std::distance(std::filesystem::directory_iterator(folder.path()), {}) == 1);
}

TEST_CASE("a database that root creates belongs to the owner of its directory") {
  if (::geteuid() != 0) return;
  const TemporaryFolder folder;
  REQUIRE(::chown(folder.path().c_str(), 1234, 5678) == 0);
  good(create(folder / "d", schema, 0640));
  struct stat info{};
  REQUIRE(::stat((folder / "d").c_str(), &info) == 0);
  CHECK(info.st_uid == 1234);
  CHECK(info.st_gid == 5678);
  CHECK((info.st_mode & 0777) == 0640);
}

TEST_CASE("a database that another process created meanwhile is not changed") {
  const TemporaryFolder folder;
  write(folder / "f", "theirs");
  good(create(folder / "f", schema, 0644));
  CHECK(read(folder / "f") == "theirs");
}

TEST_CASE("databases of other programs and of newer versions are distinguished") {
  const TemporaryFolder folder;
  good(good(Database::open(folder / "foreign", OpenMode::create)).execute("CREATE TABLE t (a)"));
  CHECK(error_of(folder / "foreign").message == (folder / "foreign").string() + ": not a test");
  good(create(folder / "newer", schema, 0644));
  good(good(Database::open(folder / "newer", OpenMode::read_write)).execute("PRAGMA user_version = 3"));
  CHECK(error_of(folder / "newer").message ==
        (folder / "newer").string() + ": made by a newer version: a test with schema 3, and this version, " +
            std::string(version()) +
            ", knows schema 2; it was not changed; install the newer version again, or restore a copy from "
            "before it was installed");
}

TEST_CASE("if nothing can be created, the error names the file") {
  const TemporaryFolder folder;
  const Error error = bad(create(folder / "missing" / "f", schema, 0644));
  CHECK(error.message ==
        (folder / "missing" / "f").string() + ": cannot write there: No such file or directory");
}
