#include "listtool/state.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

Edition edition(const std::string& name, std::uint64_t number) {
  return {.name = name,
          .number = number,
          .origin = "https://lists.example.org/" + name + ".json",
          .signed_by = "key A809E3FFB11E271C",
          .signature = ".minisig",
          .timestamp = at("2026-11-20T00:00:00.123Z"),
          .expires = at("2026-12-20T00:00:00Z"),
          .domains = 7};
}

void write_files(const fs::path& folder, const Edition& edition) {
  const ListSet set{.folder = folder, .lists = {}};
  for (const auto file : {&ListSet::list_file, &ListSet::signature_file, &ListSet::index_file}) {
    write((set.*file)(edition), std::to_string(edition.number));
  }
}

// Installs an edition of each list as an update does.
ListSet install(StateWriter& state, const std::vector<std::string>& names) {
  const fs::path folder = good(state.create_next_set());
  std::vector<Edition> lists;
  for (const std::string& name : names) {
    lists.push_back(edition(name, state.next_number()));
    write_files(folder, lists.back());
  }
  ListSet set = good(state.complete_set(lists));
  good(state.switch_to(set));
  return set;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::ranges::sort(names);
  return names;
}

// The error about a set with these facts.
std::string complaint(const std::string& facts) {
  const TemporaryFolder folder;
  write(folder / "set.toml", facts);
  const Error error = bad(read_set(folder.path()));
  CHECK(error.fault == Fault::data);
  CHECK_THAT(error.message,
             Catch::Matchers::EndsWith("; to fetch all lists again, remove the link 'current' of the "
                                       "state directory and run update"));
  return error.message;
}

const std::string sound_facts = R"([[list]]
name = "a"
edition = 1
origin = "https://lists.example.org/a.json"
signed_by = "key A809E3FFB11E271C"
signature = ".minisig"
timestamp = "2026-11-20T00:00:00Z"
expires = "2026-12-20T00:00:00Z"
domains = 7
)";

std::string facts_with(const std::string& from, const std::string& to) {
  std::string facts = sound_facts;
  return facts.replace(facts.find(from), from.size(), to);
}

}  // namespace

TEST_CASE("if nothing was installed the current set is empty") {
  const TemporaryFolder folder;
  const ListSet set = good(current_set(folder / "none"));
  CHECK(set.folder.empty());
  CHECK(set.lists.empty());
}

TEST_CASE("an installed set is read as it was written") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder / "state/below"));
  const ListSet installed = install(state, {"a", "b"});
  const ListSet read = good(current_set(folder / "state/below"));
  CHECK(read.lists == installed.lists);
  CHECK(read.find("b")->name == "b");
  CHECK(read.find("c") == nullptr);
  CHECK(test::read(read.list_file(*read.find("a"))) == "1");
}

TEST_CASE("the keys.json of a list is in its set") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  write_files(good(state.create_next_set()), edition("a", 1));
  Edition keyed = edition("a", 1);
  const auto key = good(minisign::parse_key("RWTF4yuwIAnmYbpPD5yPkSKKgETilaz2EDUjwK4iWzL18LYnsWSL6okf"));
  keyed.keyring = {.keyring = {.list = "sector",
                               .version = 7,
                               .created = at("2026-11-20T00:00:00Z"),
                               .expires = at("2027-11-20T00:00:00Z"),
                               .root = {.threshold = 1, .keys = {key}},
                               .signing = {{.key = key,
                                            .from = at("2026-11-20T00:00:00Z"),
                                            .until = at("2026-12-20T00:00:00Z")}}},
                   .roots = "1 of RW..."};
  good(state.switch_to(good(state.complete_set({keyed}))));
  CHECK(good(current_set(folder.path())).lists.front() == keyed);
  CHECK_THAT(complaint(sound_facts + "keys = '{}'\n"),
             Catch::Matchers::ContainsSubstring("is damaged: 'keys': list: is missing"));
}

TEST_CASE("a list that several keys signed has a file of each") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  Edition by_two = edition("a", 1);
  by_two.signed_by = "key A809E3FFB11E271C, key 0123456789ABCDEF";
  const fs::path first = good(state.create_next_set());
  write_files(first, by_two);
  write(first / "a.json.0123456789ABCDEF.minisig", "second");
  const ListSet before = good(state.complete_set({by_two}));
  good(state.switch_to(before));
  CHECK(good(current_set(folder.path())).lists.front() == by_two);
  CHECK(before.further_signature_files(by_two) ==
        std::vector<fs::path>{first / "a.json.0123456789ABCDEF.minisig"});
  const fs::path next = good(state.create_next_set());
  good(state.keep(before, by_two));
  CHECK(names_in(next) ==
        std::vector<std::string>{"a.cdb", "a.json", "a.json.0123456789ABCDEF.minisig", "a.json.minisig"});
  write(next / "a.json.0123456789ABCDEF.json", "of the list a.json.0123456789ABCDEF");
  state.discard_files("a");
  CHECK(names_in(next) == std::vector<std::string>{"a.json.0123456789ABCDEF.json"});
}

TEST_CASE("one process owns the state at a time") {
  const TemporaryFolder folder;
  {
    const auto state = good(StateWriter::lock(folder.path()));
    const Error error = bad(StateWriter::lock(folder.path()));
    CHECK(error.fault == Fault::temporary);
    CHECK_THAT(error.message, Catch::Matchers::EndsWith("another update is running"));
  }
  good(StateWriter::lock(folder.path()));
}

TEST_CASE("the current set and the one before it stay, and older ones are removed") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  for (int i = 0; i < 4; ++i) install(state, {"a"});
  CHECK(names_in(folder / "sets") == std::vector<std::string>{"3", "4"});
  CHECK(fs::read_symlink(folder / "current") == "sets/4");
  CHECK(fs::read_symlink(folder / "previous") == "sets/3");
}

TEST_CASE("an unchanged list is in the next set without a copy") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  const ListSet before = install(state, {"a"});
  good(state.create_next_set());
  good(state.keep(before, before.lists.front()));
  const ListSet after = good(state.complete_set(before.lists));
  good(state.switch_to(after));
  CHECK(good(current_set(folder.path())).lists == before.lists);
  CHECK(fs::hard_link_count(after.list_file(after.lists.front())) == 2);
}

TEST_CASE("a new set is not used until the switch to it") {
  const TemporaryFolder folder;
  {
    auto state = good(StateWriter::lock(folder.path()));
    install(state, {"a"});
    write_files(good(state.create_next_set()), edition("a", 2));
    good(state.complete_set({edition("a", 2)}));
  }
  CHECK(good(current_set(folder.path())).lists.front().number == 1);
  // Of a killed update; only numbers are our names.
  write(folder / "sets/notes", "mine");
  fs::create_directory(folder / "sets/7x");
  const auto state = good(StateWriter::lock(folder.path()));
  CHECK(names_in(folder / "sets") == std::vector<std::string>{"1", "7x", "notes"});
  CHECK(state.next_number() == 2);
}

TEST_CASE("a discarded set is removed completely") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  install(state, {"a"});
  state.discard_set();
  CHECK(names_in(folder / "sets") == std::vector<std::string>{"1"});
  write_files(good(state.create_next_set()), edition("a", 2));
  state.discard_set();
  CHECK(names_in(folder / "sets") == std::vector<std::string>{"1"});
}

TEST_CASE("a dropped list is not in the next set, and the others are unchanged") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  const fs::path next = good(state.create_next_set());
  write_files(next, edition("a", 1));
  write_files(next, edition("a.json", 1));
  write(next / "a.json.asc", "");
  state.discard_files("a");
  CHECK(names_in(next) == std::vector<std::string>{"a.json.cdb", "a.json.json", "a.json.json.minisig"});
}

TEST_CASE("damaged facts are reported with the remedy") {
  const TemporaryFolder folder;
  write(folder / "set.toml", sound_facts);
  good(read_set(folder.path()));
  CHECK_THAT(complaint("[[list"), Catch::Matchers::ContainsSubstring("is damaged"));
  CHECK_THAT(complaint(sound_facts + "unknown = 1\n"), Catch::Matchers::ContainsSubstring("unknown key"));
  CHECK_THAT(complaint(facts_with("domains = 7", "domains = -1")),
             Catch::Matchers::ContainsSubstring("'domains'"));
  for (const std::string line :
       {"name = \"a\"\n", "edition = 1\n", "origin = \"https://lists.example.org/a.json\"\n",
        "signed_by = \"key A809E3FFB11E271C\"\n", "signature = \".minisig\"\n"}) {
    CHECK_THAT(complaint(facts_with(line, "")), Catch::Matchers::ContainsSubstring("an entry is incomplete"));
  }
  CHECK_THAT(complaint(facts_with(".minisig", "/../x")),
             Catch::Matchers::ContainsSubstring("an entry is incomplete"));
  for (const std::string other :
       {", key /../x", ", key", ", key A809E3FFB11E271", ", OpenPGP key A809E3FFB11E271C"}) {
    CHECK_THAT(complaint(facts_with("B11E271C\"", "B11E271C" + other + "\"")),
               Catch::Matchers::ContainsSubstring("an entry is incomplete"));
  }
  for (const std::string word : {"2026-11-20", "2026-12-20"}) {
    CHECK_THAT(complaint(facts_with(word, "yesterday")), Catch::Matchers::ContainsSubstring("is damaged"));
  }
}

TEST_CASE("secrets of an older set.toml that all could read are returned once, and redacted") {
  const TemporaryFolder folder;
  auto state = good(StateWriter::lock(folder.path()));
  install(state, {"a"});
  install(state, {"a"});
  const std::string url = "https://lists.example.org/a.json";
  for (const std::string name : {"current", "previous"}) {
    std::string facts = read(folder / name / "set.toml");
    facts.replace(facts.find(url), url.size(),
                  url + "?token=secret\"\netag = \"private\"\nlast_modified = \"");
    write(folder / name / "set.toml", facts);
  }
  const ListSet legacy = good(current_set(folder.path()));
  REQUIRE(legacy.legacy.size() == 1);
  CHECK(legacy.legacy.front().name == "a");
  CHECK(legacy.legacy.front().number == 2);
  CHECK(legacy.legacy.front().origin == url + "?token=secret");
  CHECK(legacy.legacy.front().validators.etag == "private");
  CHECK(legacy.lists.front().origin == url);
  good(state.redact_legacy_facts());
  for (const std::string name : {"current", "previous"}) {
    const std::string facts = read(folder / name / "set.toml");
    CHECK(facts.find("secret") == std::string::npos);
    CHECK(facts.find("private") == std::string::npos);
  }
  const ListSet now = good(current_set(folder.path()));
  CHECK(now.legacy.empty());
  CHECK(now.lists == legacy.lists);
}

TEST_CASE("of the files for gpgv only old ones are removed") {
  const TemporaryFolder folder;
  for (const char* name : {"openpgp-old", "openpgp-new", "mine"})
    fs::create_directories(folder / name / "keys");
  const auto long_ago = fs::file_time_type::clock::now() - std::chrono::hours(2);
  for (const char* name : {"openpgp-old", "mine"}) fs::last_write_time(folder / name, long_ago);
  good(StateWriter::lock(folder.path()));
  CHECK_FALSE(fs::exists(folder / "openpgp-old"));
  CHECK(fs::exists(folder / "openpgp-new"));
  CHECK(fs::exists(folder / "mine"));
}

TEST_CASE("a link without a target is damage, not an empty state") {
  const TemporaryFolder folder;
  fs::create_symlink("sets/9", folder / "current");
  const Error error = bad(current_set(folder.path()));
  CHECK(error.fault == Fault::data);
  CHECK_THAT(error.message,
             Catch::Matchers::ContainsSubstring("current: leads to sets/9, which is not there"));
  fs::remove(folder / "current");
  fs::create_directory(folder / "current");
  CHECK_THAT(bad(current_set(folder.path())).message,
             Catch::Matchers::ContainsSubstring("current: is no symbolic link"));
}
