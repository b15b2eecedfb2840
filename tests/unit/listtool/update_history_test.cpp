#include "listtool/update_history.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

ListHistory list_history(const std::string& time) {
  return {.timestamp = at(time),
          .digest = std::string(128, 'a'),
          .edition = 7,
          .origin = std::string(128, 'b'),
          .validators = {.etag = "\"a\\b\"", .last_modified = "Sun, 22 Nov 2026 14:48:59 GMT"},
          .mark = 42,
          .keys_version = 3,
          .roots = "2 of RW..., RW..."};
}

}  // namespace

TEST_CASE("the history is read as it was written, by its owner alone") {
  const TemporaryFolder folder;
  UpdateHistory history = good(UpdateHistory::load(folder.path()));
  CHECK(history.find("a") == nullptr);
  history.remember("a", list_history("2026-11-20T00:00:00.123Z"));
  good(history.save({}));
  const fs::path file = folder / "remembered.toml";
  CHECK(fs::status(file).permissions() == (fs::perms::owner_read | fs::perms::owner_write));
  const UpdateHistory read = good(UpdateHistory::load(folder.path()));
  REQUIRE(read.find("a") != nullptr);
  CHECK(*read.find("a") == list_history("2026-11-20T00:00:00.123Z"));
}

TEST_CASE("an unchanged history is not written again") {
  const TemporaryFolder folder;
  UpdateHistory history = good(UpdateHistory::load(folder.path()));
  good(history.save({}));
  CHECK_FALSE(fs::exists(folder / "remembered.toml"));
  history.remember("a", list_history("2026-11-20T00:00:00Z"));
  good(history.save({}));
  fs::remove(folder / "remembered.toml");
  history.remember("a", list_history("2026-11-20T00:00:00Z"));
  good(history.save({}));
  CHECK_FALSE(fs::exists(folder / "remembered.toml"));
}

TEST_CASE("of lists that are not configured a limited number is kept, the newest") {
  const TemporaryFolder folder;
  UpdateHistory history = good(UpdateHistory::load(folder.path()));
  const std::vector<ListSettings> configured{{.name = "configured"}};
  history.remember("configured", list_history("2020-01-01T00:00:00Z"));
  history.remember("oldest", list_history("2020-01-02T00:00:00Z"));
  for (std::size_t i = 0; i < UpdateHistory::max_unconfigured; ++i) {
    history.remember(std::to_string(i), list_history("2026-11-20T00:00:00Z"));
  }
  good(history.save(configured));
  const UpdateHistory read = good(UpdateHistory::load(folder.path()));
  CHECK(read.find("configured") != nullptr);
  CHECK(read.find("oldest") == nullptr);
  CHECK(read.find("0") != nullptr);
}

TEST_CASE("a damaged history does not count as an empty one") {
  const TemporaryFolder folder;
  UpdateHistory history = good(UpdateHistory::load(folder.path()));
  history.remember("a", list_history("2026-11-20T00:00:00Z"));
  good(history.save({}));
  const fs::path file = folder / "remembered.toml";
  const std::string sound = read(file);
  for (const std::string& text :
       {std::string("[[list"), sound + "unknown = 1\n", std::string("[[list]]\nname = 'a'\n"),
        std::string("[[list]]\ntimestamp = '2026-11-20T00:00:00Z'\n")}) {
    write(file, text);
    const Error error = bad(UpdateHistory::load(folder.path()));
    CHECK(error.fault == Fault::data);
    CHECK_THAT(error.message, Catch::Matchers::ContainsSubstring("remembered.toml: is damaged: "));
  }
  fs::remove(file);
  fs::create_symlink("nowhere", file);
  CHECK(bad(UpdateHistory::load(folder.path())).fault == Fault::data);
}

TEST_CASE("the digest of a place reveals nothing of it") {
  const std::string digest = good(place_digest("https://lists.example.org/list.json?token=secret"));
  CHECK(digest.size() == 128);
  CHECK(digest.find("secret") == std::string::npos);
  CHECK(digest != good(place_digest("https://lists.example.org/list.json")));
}
