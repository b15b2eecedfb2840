#include "table/cdb.h"

#include <fcntl.h>

#include <cerrno>

#include "base/file.h"
#include "support.h"

using namespace starttls;
using namespace starttls::table;
using namespace starttls::test;

namespace {

UniqueFd new_file(const std::filesystem::path& path) {
  return UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
}

}  // namespace

TEST_CASE("added keys are found in a cdb, and nothing else") {
  const TemporaryFolder folder;
  const auto fd = new_file(folder / "t.cdb");
  CdbWriter writer(fd.get());
  for (int i = 0; i < 10'000; ++i) writer.add(fmt::format("key{}", i), fmt::format("value {}", i * 7));
  writer.add("", "of the empty key");
  writer.add("empty", "");
  writer.add(std::string("a\0b", 3), std::string("c\0d", 3));
  REQUIRE(writer.finish() == 0);
  const Cdb table = good(Cdb::open(folder / "t.cdb"));
  for (int i = 0; i < 10'000; ++i) {
    REQUIRE(good(table.find(fmt::format("key{}", i))) == fmt::format("value {}", i * 7));
  }
  CHECK(good(table.find("")) == "of the empty key");
  CHECK(good(table.find("empty")) == "");
  CHECK(good(table.find(std::string("a\0b", 3))) == std::string("c\0d", 3));
  for (const char* key : {"key", "key10000", "a", "KEY1"}) CHECK_FALSE(good(table.find(key)));
}

TEST_CASE("an empty cdb is valid") {
  const TemporaryFolder folder;
  const auto fd = new_file(folder / "t.cdb");
  REQUIRE(CdbWriter(fd.get()).finish() == 0);
  CHECK_FALSE(good(good(Cdb::open(folder / "t.cdb")).find("a")));
}

TEST_CASE("a full disk is reported at the end of a cdb") {
  const UniqueFd full(::open("/dev/full", O_RDWR | O_CLOEXEC));
  CdbWriter writer(full.get());
  for (int i = 0; i < 10'000; ++i) writer.add(fmt::format("key{}", i), "value");
  CHECK(writer.finish() != 0);
}

TEST_CASE("a damaged cdb, or another file, is refused and not trusted") {
  const TemporaryFolder folder;
  write(folder / "short", "no table");
  CHECK(bad(Cdb::open(folder / "short")).fault == Fault::data);
  CHECK(bad(Cdb::open(folder / "none")).fault == Fault::io);
  for (const char filler : {'\0', '\x01', '\x7f', '\xff'}) {
    write(folder / "filled", std::string(5000, filler));
    const auto table = Cdb::open(folder / "filled");
    if (!table) continue;
    for (int i = 0; i < 300; ++i) {
      const auto found = table->find(fmt::format("key{}", i));
      CHECK((!found || !*found));
    }
  }
}
