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
  auto draft = good(AtomicFile::create(folder / "map"));
  postfix::write_text_map(sources, rules, draft.writer());
  good(draft.flush());
  return read("/proc/self/fd/" + std::to_string(draft.fd()));
}

mtasts::Policy mta_sts_policy() {
  auto reading =
      mtasts::read_policy("version: STSv1\nmode: enforce\nmx: mx.a.test\nmx: *.b.test\nmax_age: 604800\n");
  REQUIRE(reading.policy);
  return *reading.policy;
}

NextHop next_hop(std::string_view text) {
  return good(NextHop::parse(text));
}

policy::Decision answer_of(policy::Source source) {
  return {.source = source,
          .mode = policy::Mode::enforce,
          .enforced = true,
          .joined_mxs = std::string(enforced.joined_mxs)};
}

const std::string secure = "secure match=mx.a.test:.b.test servername=hostname protocols=>=TLSv1.2";
const std::string reported =
    " policy_type=sts policy_domain=a.test { policy_string = version: STSv1 } { policy_string = mode: "
    "enforce } "
    "{ policy_string = mx: mx.a.test } { policy_string = mx: *.b.test } { policy_string = max_age: 604800 } "
    "mx_host_pattern=mx.a.test mx_host_pattern=*.b.test";

}  // namespace

TEST_CASE("a policy has only the attributes that the Postfix in use supports") {
  CHECK(postfix::policy_for(enforced, {}) == "secure match=mx.a.test:.b.test servername=hostname");
  CHECK(postfix::policy_for(enforced, rules_for("3.3.1")) == "secure match=mx.a.test:.b.test");
  CHECK(postfix::policy_for(enforced, rules_for("3.4")) ==
        "secure match=mx.a.test:.b.test servername=hostname");
  CHECK(postfix::policy_for(enforced, rules_for("3.5.25")) ==
        "secure match=mx.a.test:.b.test servername=hostname");
  for (const char* version :
       {"3.6", "3.7.11", "3.8.0-RC1", "3.9-20240101-nonprod", "3.10", "3.10.5", "3.11-20250101", "4.0"}) {
    CHECK(postfix::policy_for(enforced, rules_for(version)) ==
          "secure match=mx.a.test:.b.test servername=hostname protocols=>=TLSv1.2");
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

TEST_CASE("an invalid Postfix version is refused") {
  for (const char* text : {"", "3", "3.", "x.y", "3.x", "-3.4", "3.4x", " 3.4", "99999999999.1", "2.2.10",
                           "3.7.zz", "3.7.", "3.7.1.2", "3.7.11x", "3.7-", "3.7.11 -RC1", "3.7-a b"}) {
    CAPTURE(text);
    CHECK(bad(postfix::parse_version(text)).fault == Fault::usage);
  }
}

TEST_CASE("a map has its lines in order, testing as comments, and names its source") {
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

TEST_CASE("an expired list is left out of the map with a comment, and the others count") {
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

TEST_CASE("a file name cannot add a line to the map") {
  std::vector<Source> sources;
  sources.push_back(source_of("x\nevil.test secure match=evil.test\r\n", {}));
  CHECK(without_comments(text_map(sources, {})).empty());
}

TEST_CASE("TLS reports get an MTA-STS policy if that is the source, in maps as in answers") {
  const mtasts::Policy published = mta_sts_policy();
  std::vector<Source> sources;
  sources.push_back(source_of(
      "list", {enforced, {.domain = "z.test", .mode = preload::Mode::enforce, .joined_mxs = "mx.z.test"}}));
  sources.push_back(source_of("mta-sts", {enforced}));
  sources.back().facts.kind = SourceFacts::Kind::mta_sts;
  sources.back().mta_sts.emplace("a.test", published);
  for (const char* version : {"3.10", "3.10.5", "3.11-20250101", "4.0"}) {
    CAPTURE(version);
    const postfix::Rules rules = rules_for(version);
    const auto answer = [&](policy::Source source) {
      return postfix::policy_for(next_hop("a.test"), answer_of(source), &published, rules.version);
    };
    CHECK(answer(policy::Source::mta_sts) == secure + reported);
    CHECK(answer(policy::Source::list) == secure);
    CHECK(answer(policy::Source::overrides) == secure);
    CHECK(postfix::policy_for(next_hop("a.test"), answer_of(policy::Source::mta_sts), nullptr,
                              rules.version) == secure);
    CHECK(without_comments(text_map(sources, rules)) ==
          "a.test " + secure + reported +
              "\nz.test secure match=mx.z.test servername=hostname protocols=>=TLSv1.2\n");
  }
  CHECK(postfix::policy_for(next_hop("a.test"), answer_of(policy::Source::mta_sts), &published,
                            rules_for("3.9").version) == secure);
  CHECK(without_comments(text_map(sources, rules_for("3.9"))).find("policy_type") == std::string::npos);
}

TEST_CASE("a smart host has its own key in a map, if its policy domain has a policy") {
  std::vector<Source> sources;
  sources.push_back(source_of(
      "one",
      {enforced,
       tested,
       {.domain = "relay.test", .mode = preload::Mode::enforce, .joined_mxs = "mx1.relay.test:.relay.test"},
       {.domain = "relay.test.example", .mode = preload::Mode::enforce, .joined_mxs = "mx.test"},
       {.domain = "smtp.relay.test", .mode = preload::Mode::enforce, .joined_mxs = ".relay.test:mx.test"}}));
  postfix::Rules rules;
  for (const char* text :
       {"[smtp.relay.test]:587", "relay.test:587", "relay.test", "relay.test:submission", "[smtp.relay.test]",
        "[relay.test]", "[smtp.relay.test]:587", "[b.test]:25", "[unknown.test]", "z.test:25", "[a.test]"}) {
    rules.next_hops.push_back(next_hop(text));
  }
  const std::string all = "secure match=mx1.relay.test:.relay.test servername=hostname\n";
  const std::string of_host = "secure match=smtp.relay.test servername=hostname\n";
  // No pattern allows a.test and relay.test: then the certificate must have what they allow.
  CHECK(without_comments(text_map(sources, rules)) ==
        "[a.test] secure match=mx.a.test:.b.test servername=hostname\n"
        "[relay.test] " +
            all + "[smtp.relay.test] " + of_host + "[smtp.relay.test]:587 " + of_host +
            "a.test secure match=mx.a.test:.b.test servername=hostname\n"
            "relay.test " +
            all +
            "relay.test.example secure match=mx.test servername=hostname\n"
            "relay.test:587 " +
            all + "relay.test:submission " + all +
            "smtp.relay.test secure match=.relay.test:mx.test servername=hostname\n");
  CHECK(text_map(sources, rules).find("# End: 10 enforced, 1 only in comments.") != std::string::npos);
  rules.early_adopter = true;
  CHECK(text_map(sources, rules).find("\n[b.test]:25 secure match=mx.b.test servername=hostname\n") !=
        std::string::npos);
  sources.back().facts.unusable = Error{.fault = Fault::data, .message = "it expired"};
  CHECK(without_comments(text_map(sources, rules)).empty());
}

TEST_CASE("of a next-hop in brackets the name is known, and a suffix is one label") {
  const auto told = [](std::string_view text, std::string joined) {
    policy::Decision answer = answer_of(policy::Source::mta_sts);
    answer.joined_mxs = std::move(joined);
    return postfix::policy_for(next_hop(text), answer, nullptr, std::nullopt).value_or("");
  };
  const auto secure_for = [](const std::string& match) {
    return "secure match=" + match + " servername=hostname";
  };
  CHECK(told("[smtp.relay.test]:587", "mx.relay.test:smtp.relay.test") == secure_for("smtp.relay.test"));
  CHECK(told("[smtp.relay.test]", ".relay.test") == secure_for("smtp.relay.test"));
  CHECK(told("[a.smtp.relay.test]", ".relay.test") == secure_for(".relay.test"));
  CHECK(told("[relay.test]", ".relay.test") == secure_for(".relay.test"));
  CHECK(told("smtp.relay.test:587", ".relay.test") == secure_for(".relay.test"));
  CHECK(told("smtp.relay.test", ".relay.test") == secure_for(".relay.test"));
  policy::Decision dane{.source = policy::Source::dane, .mode = policy::Mode::mandatory_dane};
  CHECK(postfix::policy_for(next_hop("[smtp.relay.test]:587"), dane, nullptr, {}) == "dane-only");
}
