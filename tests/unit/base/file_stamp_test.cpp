#include "base/file_stamp.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;
namespace fs = std::filesystem;

TEST_CASE("a stamp changes when the file is written to or replaced, an id only when it is replaced") {
  const TemporaryFolder folder;
  const fs::path file = folder.path() / "file";
  write(file, "one");
  const auto stamp = file_stamp(file);
  REQUIRE(stamp);
  CHECK(file_stamp(file) == stamp);
  CHECK(file_id(file) == stamp->id);
  write(file, "one two");
  CHECK(file_stamp(file) != stamp);
  CHECK(file_id(file) == stamp->id);
  write(folder.path() / "other", "one two");
  fs::rename(folder.path() / "other", file);
  CHECK(file_id(file) != stamp->id);
}

TEST_CASE("a file that is missing has no stamp") {
  CHECK(!file_stamp(fs::path("/nonexistent/file")));
  CHECK(!file_id(fs::path("/nonexistent/file")));
}
