#include "listtool/update_history.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

Remembered remembered(const std::string& time) {
  return {.timestamp = at(time),
          .digest = std::string(128, 'a'),
          .edition = 7,
          .origin = std::string(128, 'b'),
          .validators = {.etag = "\"a\\b\"", .last_modified = "Sun, 22 Nov 2026 14:48:59 GMT"}};
}

}  // namespace

TEST_CASE("what is remembered is read as it was written, for its owner alone") {
  const TemporaryFolder folder;
  Memory memory = good(Memory::load(folder.path()));
  CHECK(memory.find("a") == nullptr);
  memory.remember("a", remembered("2026-11-20T00:00:00.123Z"));
  good(memory.save({}));
  const fs::path file = folder / "remembered.toml";
  CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  const Memory read = good(Memory::load(folder.path()));
  REQUIRE(read.find("a") != nullptr);
  CHECK(*read.find("a") == remembered("2026-11-20T00:00:00.123Z"));
}

TEST_CASE("what did not change is not written again") {
  const TemporaryFolder folder;
  Memory memory = good(Memory::load(folder.path()));
  good(memory.save({}));
  CHECK_FALSE(fs::exists(folder / "remembered.toml"));
  memory.remember("a", remembered("2026-11-20T00:00:00Z"));
  good(memory.save({}));
  fs::remove(folder / "remembered.toml");
  memory.remember("a", remembered("2026-11-20T00:00:00Z"));
  good(memory.save({}));
  CHECK_FALSE(fs::exists(folder / "remembered.toml"));
}

TEST_CASE("of lists that are not configured a bounded number is remembered, the newest") {
  const TemporaryFolder folder;
  Memory memory = good(Memory::load(folder.path()));
  const std::vector<ListSettings> configured{{.name = "configured"}};
  memory.remember("configured", remembered("2020-01-01T00:00:00Z"));
  memory.remember("oldest", remembered("2020-01-02T00:00:00Z"));
  for (std::size_t i = 0; i < Memory::max_unconfigured; ++i) {
    memory.remember(std::to_string(i), remembered("2026-11-20T00:00:00Z"));
  }
  good(memory.save(configured));
  const Memory read = good(Memory::load(folder.path()));
  CHECK(read.find("configured") != nullptr);
  CHECK(read.find("oldest") == nullptr);
  CHECK(read.find("0") != nullptr);
}

TEST_CASE("a memory that is damaged is no empty one") {
  const TemporaryFolder folder;
  Memory memory = good(Memory::load(folder.path()));
  memory.remember("a", remembered("2026-11-20T00:00:00Z"));
  good(memory.save({}));
  const fs::path file = folder / "remembered.toml";
  const std::string sound = read(file);
  for (const std::string& text :
       {std::string("[[list"), sound + "unknown = 1\n", std::string("[[list]]\nname = 'a'\n"),
        std::string("[[list]]\ntimestamp = '2026-11-20T00:00:00Z'\n")}) {
    write(file, text);
    const Error error = bad(Memory::load(folder.path()));
    CHECK(error.fault == Fault::data);
    CHECK_THAT(error.message, Catch::Contains("remembered.toml: is damaged: "));
  }
  fs::remove(file);
  fs::create_symlink("nowhere", file);
  CHECK(bad(Memory::load(folder.path())).fault == Fault::data);
}

TEST_CASE("the digest of a place shows nothing of it") {
  const std::string digest = good(place_digest("https://lists.example.org/list.json?token=secret"));
  CHECK(digest.size() == 128);
  CHECK(digest.find("secret") == std::string::npos);
  CHECK(digest != good(place_digest("https://lists.example.org/list.json")));
}
