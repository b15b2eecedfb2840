// The file of `check --state` and `check --watch`.

#include "checkdb/check_state.h"

#include "support.h"

using namespace starttls;
using namespace starttls::checkdb;
using examination::Level;
using starttls::test::at;
using starttls::test::good;
using starttls::test::TemporaryFolder;

namespace {

KnownDomain known(std::vector<KnownFinding> findings = {}) {
  return {.examined = at("2026-11-28T12:00:00Z"), .findings = std::move(findings)};
}

DomainName name(std::string_view text) {
  return good(DomainName::parse(text));
}

}  // namespace

TEST_CASE("the state of a run that was killed is that of the domains that it had examined") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  const KnownDomain first = known({{.code = "starttls", .subject = "mx.a.example", .level = Level::fault}});
  {
    CheckState state = good(CheckState::open(path));
    CHECK(state.find(name("a.example")) == nullptr);
    REQUIRE(state.add(name("a.example"), first));
    REQUIRE(state.add(name("b.example"), known()));
    CHECK(*state.find(name("a.example")) == first);
    CHECK_FALSE(CheckState::open(path).has_value());  // it is locked
  }
  starttls::test::write(path, starttls::test::read(path) + "c.example\t2026");
  {
    CheckState state = good(CheckState::open(path));
    CHECK(*state.find(name("a.example")) == first);
    CHECK(state.find(name("c.example")) == nullptr);
    REQUIRE(state.add(name("c.example"), known()));
    REQUIRE(state.add(name("a.example"), known()));
    REQUIRE(state.finish());
  }
  CHECK(starttls::test::read(path) == to_line(name("a.example"), known()) +
                                          to_line(name("b.example"), known()) +
                                          to_line(name("c.example"), known()));
}

TEST_CASE("a damaged state is refused, with its line") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  starttls::test::write(path, to_line(name("a.example"), known()) + "hello\n");
  const auto state = CheckState::open(path);
  REQUIRE_FALSE(state.has_value());
  CHECK(state.error().fault == Fault::data);
  CHECK(state.error().message.contains("state:2: "));
}

TEST_CASE("domains that are not wanted any more are removed from the file") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  starttls::test::write(path, to_line(name("a.example"), known()) + to_line(name("b.example"), known()));
  CheckState state = good(CheckState::open(path));
  state.remove_if([](const DomainName& domain) { return domain.str() == "a.example"; });
  REQUIRE(state.finish());
  CHECK(starttls::test::read(path) == to_line(name("b.example"), known()));
}

TEST_CASE("a second run waits for no file that the first one is about to replace") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  CheckState first = good(CheckState::open(path));
  REQUIRE(first.add(name("a.example"), known()));
  REQUIRE(first.add(name("a.example"), known()));
  REQUIRE(first.finish());
  // The file is another one now, and still locked.
  const auto second = CheckState::open(path);
  REQUIRE_FALSE(second.has_value());
  CHECK(second.error().fault == Fault::temporary);
}

TEST_CASE("the file is no device and no link") {
  const TemporaryFolder folder;
  std::filesystem::create_directory(folder / "directory");
  CHECK_FALSE(CheckState::open(folder / "directory").has_value());
  std::filesystem::create_symlink("/dev/null", folder / "state.lock");
  CHECK_FALSE(CheckState::open(folder / "state").has_value());
}

TEST_CASE("who only reads needs no lock, and no file") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  CHECK_FALSE(good(read_check_state(path)).has_value());
  CHECK_FALSE(std::filesystem::exists(path));
  CheckState state = good(CheckState::open(path));
  REQUIRE(state.add(name("a.example"), known()));
  starttls::test::write(path, starttls::test::read(path) + "b.example\t2026");
  const auto read = good(read_check_state(path));
  REQUIRE(read.has_value());
  CHECK(*read == KnownDomains{{name("a.example"), known()}});
  starttls::test::write(path, "hello\n");
  CHECK(read_check_state(path).error().message.contains("state:1: "));
}

TEST_CASE("a state of a newer version is refused, and not changed") {
  const TemporaryFolder folder;
  const auto path = folder.path() / "state";
  const std::string content = "# format 2\nwhat a newer version knows\nand has not finished";
  starttls::test::write(path, content);
  for (const std::string& message : {starttls::test::bad(CheckState::open(path)).message,
                                     starttls::test::bad(read_check_state(path)).message})
    CHECK(message.starts_with(path.string() + ": made by a newer version: a state of check with format 2"));
  CHECK(starttls::test::read(path) == content);
}
