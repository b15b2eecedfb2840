#include "base/file.h"

#include <sys/stat.h>

#include "support.h"

using namespace starttls;
using namespace starttls::test;
namespace fs = std::filesystem;

TEST_CASE("a file is read whole or refused by its size") {
  const TemporaryFolder folder;
  write(folder / "a", "content");
  CHECK(good(read_file(folder / "a", 7)) == "content");
  CHECK(bad(read_file(folder / "a", 6)).fault == Fault::data);
  CHECK(bad(read_file(folder / "none", 6)).fault == Fault::io);
  CHECK(bad(read_file(folder.path(), 6)).fault == Fault::io);
}

TEST_CASE("a sparse file of 2 GiB is refused without being read") {
  const TemporaryFolder folder;
  write(folder / "huge", "");
  fs::resize_file(folder / "huge", std::uintmax_t{2} << 30U);
  const Error error = bad(read_file(folder / "huge", 1 << 20));
  CHECK(error.fault == Fault::data);
  CHECK(error.message.find("larger than the limit of 1048576 bytes") != std::string::npos);
}

TEST_CASE("a replaced file is the new one with its mode, and nothing else is left") {
  const TemporaryFolder folder;
  write(folder / "map", "old");
  good(replace_file(folder / "map", "new", 0640));
  CHECK(read(folder / "map") == "new");
  CHECK((fs::status(folder / "map").permissions() & fs::perms::mask) == fs::perms(0640));
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("a symbolic link stays and its target is replaced") {
  const TemporaryFolder folder;
  write(folder / "target", "old");
  fs::create_symlink("target", folder / "link");
  good(replace_file(folder / "link", "new"));
  CHECK(fs::is_symlink(folder / "link"));
  CHECK(read(folder / "target") == "new");
}

TEST_CASE("a file that cannot be replaced stays as it was") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "map");
  write(folder / "map/inside", "x");
  CHECK(bad(replace_file(folder / "map", "new")).fault == Fault::cannot_create);
  CHECK(bad(replace_file(folder / "no/such/place", "new")).fault == Fault::cannot_create);
  CHECK(std::distance(fs::directory_iterator(folder.path()), fs::directory_iterator()) == 1);
}

TEST_CASE("whether a file already holds what would be written") {
  const TemporaryFolder folder;
  const std::string content(200'000, 'x');
  write(folder / "file", content);
  CHECK(has_content(folder / "file", content));
  CHECK_FALSE(has_content(folder / "file", content + "y"));
  CHECK_FALSE(has_content(folder / "file", content.substr(1)));
  CHECK_FALSE(has_content(folder / "file", content.substr(1) + "y"));
  CHECK_FALSE(has_content(folder / "none", ""));
  CHECK_FALSE(has_content(folder.path(), ""));
  write(folder / "empty", "");
  CHECK(has_content(folder / "empty", ""));
}
