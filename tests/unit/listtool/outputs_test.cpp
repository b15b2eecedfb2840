#include "listtool/outputs.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;
namespace fs = std::filesystem;

namespace {

InstalledList list(const std::string& name) {
  return {.facts = {.name = name},
          .edition = Edition{.name = name,
                             .number = 3,
                             .signed_by = "key A809E3FFB11E271C",
                             .timestamp = at("2026-11-20T00:00:00Z")},
          .settings = nullptr};
}

std::string made(const OutputSettings& output, const std::vector<InstalledList>& lists,
                 const fs::path& overrides = {}, const std::string& mta_sts = "") {
  return map_fingerprint(output, lists, overrides, mta_sts);
}

}  // namespace

TEST_CASE("everything a map depends on is in its fingerprint") {
  const TemporaryFolder folder;
  const OutputSettings output{.type = "cdb"};
  const std::string plain = made(output, {list("a"), list("b")});
  CHECK(made(output, {list("a"), list("b")}) == plain);

  CHECK(made(output, {list("b"), list("a")}) != plain);
  CHECK(made(output, {list("a")}) != plain);
  const auto changed = [&](auto change) {
    InstalledList other = list("b");
    change(other);
    return made(output, {list("a"), other}) != plain;
  };
  CHECK(changed([](InstalledList& l) { l.edition->number = 4; }));
  CHECK(changed([](InstalledList& l) { l.edition->timestamp += std::chrono::milliseconds(1); }));
  CHECK(changed([](InstalledList& l) { l.edition->signed_by = "key 0000000000000000"; }));
  CHECK(changed([](InstalledList& l) { l.edition.reset(); }));
  CHECK(changed([](InstalledList& l) { l.facts.path = "/elsewhere.json"; }));
  CHECK(changed([](InstalledList& l) { l.facts.unusable = Error{Fault::data, "it expired"}; }));

  CHECK(made(output, {list("a"), list("b")}, {}, "1 policies") != plain);
  CHECK(made({.server = find_mail_server("sendmail"), .type = "cdb"}, {list("a"), list("b")}) != plain);
  CHECK(made({.type = "lmdb"}, {list("a"), list("b")}) != plain);
  CHECK(made({.type = "cdb", .early_adopter = true}, {list("a"), list("b")}) != plain);
  CHECK(made({.type = "cdb", .next_hops = {good(NextHop::parse("[relay.test]"))}}, {list("a"), list("b")}) !=
        plain);
  const auto version = good(postfix::parse_version("3.7"));
  CHECK(made({.type = "cdb", .postfix_version = version}, {list("a"), list("b")}) != plain);
  CHECK(made({.type = "cdb", .command = {"true"}}, {list("a"), list("b")}) == plain);
}

TEST_CASE("files that are read count by their identity") {
  const TemporaryFolder folder;
  const fs::path file = folder / "file";
  const ListSettings settings{.name = "a", .openpgp_key_file = file};
  InstalledList openpgp = list("a");
  openpgp.settings = &settings;
  const auto both = [&] { return made({}, {openpgp}) + made({}, {list("a")}, file); };
  const std::string without = both();
  write(file, "one");
  const std::string one = both();
  CHECK(one != without);
  CHECK(both() == one);
  write(file, "other");
  CHECK(both() != one);
}

TEST_CASE("a map is current while it exists as published and from the same sources") {
  const TemporaryFolder folder;
  const OutputSettings output{.file = folder / "map", .type = "texthash"};
  write(output.file, "a.test secure\n");
  OutputRecords records = OutputRecords::load(folder.path());
  CHECK_FALSE(records.was_published(output));
  CHECK_FALSE(records.is_current(output, "these"));
  records.remember(output, "these \"lists\"\n");
  good(records.save(std::span(&output, 1)));

  records = OutputRecords::load(folder.path());
  CHECK(records.was_published(output));
  CHECK(records.is_current(output, "these \"lists\"\n"));
  CHECK_FALSE(records.is_current(output, "those"));
  write(output.file, "b.test secure\n");
  fs::last_write_time(output.file, fs::file_time_type::clock::now() + std::chrono::seconds(1));
  CHECK_FALSE(records.is_current(output, "these \"lists\"\n"));
  fs::remove(output.file);
  CHECK_FALSE(records.is_current(output, "these \"lists\"\n"));
  CHECK(records.was_published(output));
  records.remember(output, "these");
  CHECK_FALSE(records.is_current(output, "these"));
  records.forget(output);
  CHECK_FALSE(records.was_published(output));
}

TEST_CASE("maps that are no longer configured are removed from the records") {
  const TemporaryFolder folder;
  const OutputSettings output{.file = folder / "map", .type = "texthash"};
  OutputRecords records = OutputRecords::load(folder.path());
  records.remember(output, "these");
  good(records.save({}));
  CHECK_FALSE(OutputRecords::load(folder.path()).was_published(output));
}

TEST_CASE("records that cannot be read count as none") {
  const TemporaryFolder folder;
  const OutputSettings output{.file = "/map", .type = "texthash"};
  for (const std::string text :
       {"\xff", "[[output", "output = 1", "[[output]]\nfile = \"/map\"\nfile2 = 1\n"}) {
    write(folder / "outputs.toml", text);
    CHECK_FALSE(OutputRecords::load(folder.path()).was_published(output));
  }
  write(folder / "outputs.toml", "[[output]]\nfile = \"/map\"\n");
  CHECK(OutputRecords::load(folder.path()).was_published(output));
}
