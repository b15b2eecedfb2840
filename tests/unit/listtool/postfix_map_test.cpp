#include "listtool/postfix/map.h"
#include "samples.h"

using namespace starttls;
using namespace starttls::listtool;
using namespace starttls::test;

namespace {

const preload::Entry enforced{
    .domain = "a.test", .mode = preload::Mode::enforce, .joined_mxs = "mx.a.test:.b.test"};
const preload::Entry tested{.domain = "b.test", .mode = preload::Mode::testing, .joined_mxs = "mx.b.test"};
const preload::Entry ended{.domain = "c.test", .mode = preload::Mode::none, .joined_mxs = ""};

postfix::Rules rules_for(std::string_view version) {
  return {.version = good(postfix::parse_version(version)), .early_adopter = false};
}

std::string text_map(std::span<const Source> sources, const postfix::Rules& rules) {
  const TemporaryFolder folder;
  auto draft = good(FileDraft::beside(folder / "map"));
  postfix::write_text_map(sources, rules, draft.writer());
  good(draft.flush());
  return read("/proc/self/fd/" + std::to_string(draft.fd()));
}

}  // namespace

TEST_CASE("a policy has only the attributes that the Postfix in use knows") {
  CHECK(postfix::policy_for(enforced, {}) == "secure match=mx.a.test:.b.test servername=hostname");
  CHECK(postfix::policy_for(enforced, rules_for("3.3.1")) == "secure match=mx.a.test:.b.test");
  CHECK(postfix::policy_for(enforced, rules_for("3.4")) ==
        "secure match=mx.a.test:.b.test servername=hostname");
  CHECK(postfix::policy_for(enforced, rules_for("3.5.25")) ==
        "secure match=mx.a.test:.b.test servername=hostname");
  for (const char* version : {"3.6", "3.7.11", "3.8.0-RC1", "3.9-20240101-nonprod"}) {
    CHECK(postfix::policy_for(enforced, rules_for(version)) ==
          "secure match=mx.a.test:.b.test servername=hostname protocols=>=TLSv1.2");
  }
  for (const char* version : {"3.10", "3.10.5", "3.11-20250101", "4.0"}) {
    CHECK(postfix::policy_for(enforced, rules_for(version)) ==
          "secure match=mx.a.test:.b.test servername=hostname protocols=>=TLSv1.2 policy_type=sts "
          "policy_domain=a.test mx_host_pattern=mx.a.test mx_host_pattern=*.b.test");
  }
}

TEST_CASE("only enforce is enforced, testing for early adopters, and never an empty match") {
  CHECK_FALSE(postfix::policy_for(tested, {}));
  CHECK(postfix::policy_for(tested, {.version = {}, .early_adopter = true}) ==
        "secure match=mx.b.test servername=hostname");
  CHECK_FALSE(postfix::policy_for(ended, {.version = {}, .early_adopter = true}));
  CHECK_FALSE(
      postfix::policy_for({.domain = "x.test", .mode = preload::Mode::enforce, .joined_mxs = ""}, {}));
}

TEST_CASE("what is no Postfix version is refused") {
  for (const char* text : {"", "3", "3.", "x.y", "3.x", "-3.4", "3.4x", " 3.4", "99999999999.1", "2.2.10",
                           "3.7.zz", "3.7.", "3.7.1.2", "3.7.11x", "3.7-", "3.7.11 -RC1", "3.7-a b"}) {
    CAPTURE(text);
    CHECK(bad(postfix::parse_version(text)).fault == Fault::usage);
  }
}

TEST_CASE("a map has its lines in order, testing as comments, and says where it comes from") {
  std::vector<Source> sources;
  sources.push_back(source_of("one", {ended, tested, enforced}));
  const std::string map = text_map(sources, {});
  CHECK(without_comments(map) == "a.test secure match=mx.a.test:.b.test servername=hostname\n");
  CHECK(map.find("\n# b.test testing match=mx.b.test\n# c.test none\n") != std::string::npos);
  CHECK(map.find(
            "# List one: of 2026-01-01T00:00:00Z, expires 2026-02-01T00:00:00Z, signature not checked\n") !=
        std::string::npos);
  CHECK(map.find("# End: 1 enforced, 2 only in comments.\n") != std::string::npos);
  CHECK(text_map(sources, {}) == map);
}

TEST_CASE("a later list changes, adds and ends policies of an earlier one") {
  std::vector<Source> sources;
  sources.push_back(
      source_of("one", {enforced,
                        {.domain = "c.test", .mode = preload::Mode::enforce, .joined_mxs = "c.test"},
                        {.domain = "d.test", .mode = preload::Mode::enforce, .joined_mxs = "d.test"}}));
  sources.push_back(source_of(
      "two", {ended, {.domain = "d.test", .mode = preload::Mode::enforce, .joined_mxs = "2.test"}}));
  CHECK(without_comments(text_map(sources, {})) ==
        "a.test secure match=mx.a.test:.b.test servername=hostname\n"
        "d.test secure match=2.test servername=hostname\n");
}

TEST_CASE("an expired list is left out of the map, which says so, and the others count") {
  std::vector<Source> sources;
  sources.push_back(source_of("one", {enforced}));
  sources.push_back(
      source_of("two", {{.domain = "a.test", .mode = preload::Mode::enforce, .joined_mxs = "2.test"},
                        {.domain = "z.test", .mode = preload::Mode::enforce, .joined_mxs = "2.test"}}));
  sources.back().facts.unusable = Error{.fault = Fault::data, .message = "it expired"};
  const std::string map = text_map(sources, {});
  CHECK(without_comments(map) == "a.test secure match=mx.a.test:.b.test servername=hostname\n");
  CHECK(map.find("z.test") == std::string::npos);
  CHECK(map.find("\n#   LEFT OUT: it expired\n") != std::string::npos);
}

TEST_CASE("a file name cannot smuggle a line into the map") {
  std::vector<Source> sources;
  sources.push_back(source_of("x\nevil.test secure match=evil.test\r\n", {}));
  CHECK(without_comments(text_map(sources, {})).empty());
}
