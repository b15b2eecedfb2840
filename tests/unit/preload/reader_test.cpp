#include "preload/reader.h"

#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

namespace {

// A list with these two objects inside.
std::string list_with(const std::string& policies, const std::string& aliases = "{}") {
  return R"({"timestamp": "2026-01-01T00:00:00Z", "expires": "2026-02-01T00:00:00Z", "version": "0.1",)"
         "\n"
         R"("author": "Test", "policy-aliases": )" +
         aliases + ",\n\"policies\": " + policies + "}\n";
}

std::string entry(const std::string& domain,
                  const std::string& policy = R"({"mode":"enforce","mxs":["m.test"]})") {
  return "\"" + domain + "\": " + policy;
}

// "a.test enforce m.test; b.test ..."
std::string shown(const List& list) {
  std::string text;
  for (std::size_t i = 0; i < list.size(); ++i) {
    text += fmt::format("{}{} {} {}", i == 0 ? "" : "; ", list[i].domain, to_string(list[i].mode),
                        list[i].joined_mxs);
  }
  return text;
}

std::string shown(const Reading& reading) {
  std::string text;
  for (const Finding& finding : reading.findings) text += to_string(finding) + "\n";
  return text;
}

Reading reading_of(const std::string& json) {
  return read_list("l.json", json);
}

std::string replaced(std::string text, const std::string& what, const std::string& with) {
  return text.replace(text.find(what), what.size(), with);
}

}  // namespace

TEST_CASE("a list is read with all its content") {
  const auto reading = reading_of(list_with(
      R"({"b.test": {"mode": "enforce", "mxs": ["MX.b.test", ".c.test"]},
          "a.test": {"mode": "testing", "mxs": ["mx.a.test"]},
          "h.test": {"policy-alias": "host"}})",
      R"({"host": {"mode": "enforce", "mxs": ["mx.host.test"]}})"));
  CHECK(shown(reading).empty());
  const List& list = *reading.list;
  CHECK(shown(list) ==
        "a.test testing mx.a.test; b.test enforce mx.b.test:.c.test; h.test enforce mx.host.test");
  CHECK(to_rfc3339(list.timestamp) == "2026-01-01T00:00:00Z");
  CHECK(to_rfc3339(list.expires) == "2026-02-01T00:00:00Z");
  CHECK(list.version == "0.1");
  CHECK(list.author == "Test");
}

TEST_CASE("aliases are resolved also if they follow the policies") {
  const auto reading = reading_of(
      R"({"policies": {"h.test": {"policy-alias": "host"}, "i.test": {"policy-alias": "host"}},
          "policy-aliases": {"host": {"mode": "testing", "mxs": ["mx.host.test"]}},
          "version": "0.1", "expires": 1769904000, "timestamp": 1767225600.25})");
  CHECK(shown(*reading.list) == "h.test testing mx.host.test; i.test testing mx.host.test");
  CHECK(to_rfc3339(reading.list->expires) == "2026-02-01T00:00:00Z");
  CHECK(to_rfc3339(reading.list->timestamp) == "2026-01-01T00:00:00.250Z");
}

TEST_CASE("names in different spellings mean the same domain") {
  const auto reading = reading_of(list_with("{" +
                                            entry("B\xc3\xbc"
                                                  "cher.Example.") +
                                            "}"));
  CHECK(shown(*reading.list) == "xn--bcher-kva.example enforce m.test");
}

TEST_CASE("a faulty entry is left out and reported with its place, and the others are used") {
  const std::vector<std::pair<std::string, std::string>> faulty{
      {entry(".b.test"), "'.b.test' has an empty label"},
      {entry("192.0.2.1"), "is an address"},
      {entry("b .test"), "a character that no host name may have"},
      {entry("b\\u0000.test"), "a character that no host name may have"},
      {entry("b\\n.test"), "b\\x0a.test"},
      {entry("", R"({"mode":"enforce","mxs":["m.test"]})"), "is empty"},
      {entry("b.test", R"({"mode":"enforce","mxs":[]})"), "mxs are empty"},
      {entry("b.test", R"({"mode":"testing","mxs":[]})"), "mxs are empty"},
      {entry("b.test", R"({"mode":"enforce"})"), "has no mxs"},
      {entry("b.test", R"({"mxs":["m.test"]})"), "has no mode"},
      {entry("b.test", R"({"mode":"enforce","mxs":"m.test"})"), "not an array"},
      {entry("b.test", R"({"mode":"enforce","mxs":{"m.test":[]}})"), "not an array"},
      {entry("b.test", R"({"mode":"enforce","mxs":["m.test", 7]})"), "not a text"},
      {entry("b.test", R"({"mode":"enforce","mxs":["m.test", ["n.test"]]})"), "not a text"},
      {entry("b.test", R"({"mode":"enforce","mxs":["m.test", "*.test"]})"), "'.test'"},
      {entry("b.test", R"({"mode":"enforce","mxs":["m.test", "n.test:o.test"]})"), "mx 'n.test:o.test' has"},
      {entry("b.test", R"({"mode":"enforce","mxs":["m.test", ".test"]})"), "top-level"},
      {entry("b.test", R"({"mode":"Enforce","mxs":["m.test"]})"), "unknown mode 'Enforce'"},
      {entry("b.test", R"({"mode":true,"mxs":["m.test"]})"), "mode is not a text"},
      {entry("b.test", R"({"mode":"enforce","mode":"testing","mxs":["m.test"]})"), "has 'mode' twice"},
      {entry("b.test", R"({"mode":"enforce","mxs":["m.test"],"mxs":["n.test"]})"), "has 'mxs' twice"},
      {entry("b.test", R"({"policy-alias":"gone"})"), "alias 'gone', which is not there"},
      {entry("b.test", R"({"policy-alias":"sick"})"), "alias 'sick', which is faulty"},
      {entry("b.test", R"({"policy-alias":null})"), "policy-alias is not a text"},
      {entry("b.test", R"({})"), "has no mode"},
      {entry("b.test", R"("enforce")"), "not an object"},
      {entry("b.test", R"([{"mode":"enforce","mxs":["m.test"]}])"), "not an object"},
      {entry("a.test", R"({"mode":"enforce","mxs":["other.test"]})"), "was there before"},
      {entry("A.TEST."), "was there before"},
  };
  for (const auto& [text, why] : faulty) {
    CAPTURE(text);
    const auto reading =
        reading_of(list_with("{" + entry("a.test") + ",\n" + text + ",\n" + entry("c.test") + "}",
                             R"({"sick": {"mode":"enforce","mxs":[]}})"));
    REQUIRE(reading.list);
    CHECK(shown(*reading.list) == "a.test enforce m.test; c.test enforce m.test");
    INFO(shown(reading));
    CHECK(shown(reading).find(why) != std::string::npos);
    REQUIRE(reading.faults() >= 2);
    CHECK(reading.findings.back().position.line == 4);
  }
}

TEST_CASE("a caller's objection to a name is reported with its place, and the entry stays") {
  std::vector<std::string> domains;
  const Checks checks{.domain = [&](std::string_view name) -> std::optional<std::string> {
                        domains.emplace_back(name);
                        return name == "b.test" ? std::optional<std::string>("is odd") : std::nullopt;
                      },
                      .pattern = [](std::string_view name) -> std::optional<std::string> {
                        if (name != ".c.test" && name != "host.test") return std::nullopt;
                        return fmt::format("'{}' is odd", name);
                      }};
  const std::string json = R"({"timestamp": 1767225600, "expires": 1769904000, "version": "0.1",
"policies": {"a.test": {"mode": "enforce", "mxs": ["mx.a.test", "Host.test"]},
"B.test": {"mode": "testing",
  "mxs": [".c.test", "mx.b.test",
          ".C.test."]},
"h.test": {"policy-alias": "host"}, "i.test": {"policy-alias": "host"},
"j.test": {"mode": "enforce", "mxs": [".c.test", "*.c.test"]}, ".k.test": {"policy-alias": "host"}},
"policy-aliases": {"host": {"mode": "enforce", "mxs": ["host.test"]}}})";
  const auto reading = read_list("l.json", json, checks);
  REQUIRE(reading.list);
  CHECK(shown(*reading.list) ==
        "a.test enforce mx.a.test:host.test; b.test testing .c.test:mx.b.test; h.test enforce host.test; "
        "i.test enforce host.test");
  CHECK(shown(reading) ==
        "2:65: a.test: mx 'host.test' is odd\n"
        "3:1: B.test: is odd\n"
        "4:11: B.test: mx '.c.test' is odd\n"
        "5:11: B.test: mx '.c.test' is odd\n"
        "7:39: j.test: mx '.c.test' is odd\n"
        "7:50: j.test: mx '*.c.test' is no pattern of this format; a suffix is written '.c.test'\n"
        "7:64: .k.test: '.k.test' has an empty label\n"
        "8:56: host: mx 'host.test' is odd\n");
  CHECK(domains == std::vector<std::string>{"a.test", "b.test", "h.test", "i.test"});
  CHECK(reading.faults() == 8);
  CHECK(reading_of(json).faults() == 2);
}

TEST_CASE("a later entry does not replace the first of its domain, whatever the fault of the first") {
  for (const char* faulty : {R"({"mode":"enforce","mxs":[]})", "1", "[]", R"({"policy-alias":"gone"})",
                             R"({"policy-alias":"sick"})", "{}"}) {
    CAPTURE(faulty);
    const auto reading = reading_of(
        list_with("{" + entry("B.test.", faulty) + ",\n" + entry("c.test") + ",\n" + entry("b.test") + "}",
                  R"({"sick": {"mode":"enforce","mxs":[]}})"));
    CHECK(shown(*reading.list) == "c.test enforce m.test");
    CHECK(to_string(reading.findings.back()) ==
          "5:1: b.test: this domain was there before; the first entry stands or falls alone");
  }
}

TEST_CASE("an mx that is an address or the null MX is left out, and the others are used") {
  const auto reading = reading_of(list_with(
      R"({"a.test": {"mode": "enforce", "mxs": ["mx.a.test", "192.0.2.1", "[IPv6:2001:db8::25]",
"mx.example.123", "0x7f.1", "."]},
"b.test": {"mode": "enforce", "mxs": ["192.0.2.1"]},
"c.test": {"mode": "enforce", "mxs": ["mx.c.test", ".."]},
"xn--ls8h.la": {"mode": "enforce", "mxs": ["mx.XN--ls8h.la.", "xn--mller-kva-de.mail.protection.outlook.com"]}})"));
  CHECK(shown(*reading.list) ==
        "a.test enforce mx.a.test; "
        "xn--ls8h.la enforce mx.xn--ls8h.la:xn--mller-kva-de.mail.protection.outlook.com");
  CHECK(shown(reading) ==
        "3:65: a.test: mx '192.0.2.1' is an address, not a name; this mx is ignored\n"
        "3:78: a.test: mx '[IPv6:2001:db8::25]' is an address, not a name; this mx is ignored\n"
        "4:1: a.test: mx 'mx.example.123' ends with a number, as an address does and no name; this mx is "
        "ignored\n"
        "4:19: a.test: mx '0x7f.1' ends with a number, as an address does and no name; this mx is ignored\n"
        "4:29: a.test: mx '.' is the null MX (RFC 7505), not an MX host; this mx is ignored\n"
        "5:1: b.test: none of its mxs can match a host\n"
        "5:39: b.test: mx '192.0.2.1' is an address, not a name; this mx is ignored\n"
        "6:52: c.test: mx '..' has an empty label\n");
}

TEST_CASE("all faults of one entry are reported, each at its own place") {
  const auto reading = reading_of(list_with(
      "{\"b..test\": {\"mode\": \"no\",\n \"mxs\": [\"*.x.test\",\n  \"ok.test\", \"1.2.3.4\"]},\n" +
      entry("c.test") + "}"));
  CHECK(shown(reading) ==
        "3:14: b..test: 'b..test' has an empty label\n"
        "3:26: b..test: unknown mode 'no'; known are enforce and testing\n"
        "4:10: b..test: mx '*.x.test' is no pattern of this format; a suffix is written '.x.test'\n"
        "5:14: b..test: mx '1.2.3.4' is an address, not a name; this mx is ignored\n");
  CHECK(reading.list->size() == 1);
}

TEST_CASE("the place of a text is right whatever is escaped in it") {
  const auto reading =
      reading_of(list_with(R"({"a\\\"\\": {"mode":"enforce","mxs":["\\\"\"\\"]}, )" + entry("c.test") + "}"));
  CHECK(shown(reading).find("3:14: a") == 0);
  CHECK(shown(reading).find("\n3:50: a") != std::string::npos);
}

TEST_CASE("older modes and unknown fields are noted, and the entry is used") {
  const auto reading = reading_of(list_with(
      "{" + entry("a.test", R"({"mode":"log-only","mxs":["m.test"],"min-tls-version":"TLSv1.2"})") + "," +
      entry("b.test", R"({"mode":"none"})") + "," +
      entry("c.test", R"({"mode":"enforce","mxs":["m.test","M.test"],"colour":{"deep":[{"a":1}]}})") + "}"));
  CHECK(shown(*reading.list) == "a.test testing m.test; b.test none ; c.test enforce m.test");
  CHECK(reading.faults() == 0);
  CHECK(reading.findings.size() == 4);
  CHECK(shown(reading).find("'min-tls-version' belongs to an older format") != std::string::npos);
  CHECK(shown(reading).find("'colour' is unknown") != std::string::npos);
}

TEST_CASE("with policy-alias other fields are ignored, also faulty ones") {
  const auto reading =
      reading_of(list_with("{" + entry("a.test", R"({"mode":"bad","mxs":[7],"policy-alias":"host"})") + "}",
                           R"({"host": {"mode":"enforce","mxs":["mx.host.test"]}})"));
  CHECK(shown(*reading.list) == "a.test enforce mx.host.test");
  CHECK(reading.faults() == 0);
  CHECK(reading.findings.size() == 2);
}

TEST_CASE("an alias is no chain, and the first of two aliases is used") {
  const auto reading =
      reading_of(list_with("{" + entry("a.test", R"({"policy-alias":"one"})") + "," +
                               entry("b.test", R"({"policy-alias":"two"})") + "}",
                           R"({"one": {"mode":"enforce","mxs":["1.x.test"]}, "two": {"policy-alias": "one"},
          "one": {"mode":"enforce","mxs":["other.test"]}})"));
  CHECK(shown(*reading.list) == "a.test enforce 1.x.test");
  CHECK(shown(reading).find("an alias cannot refer to an alias") != std::string::npos);
  CHECK(shown(reading).find("this alias was there before") != std::string::npos);
}

TEST_CASE("an entry with too many servers is left out, which is reported once") {
  std::string mxs;
  for (int i = 0; i < 100; ++i) mxs += fmt::format("{}\"mx{}.test\"", i == 0 ? "" : ",", i);
  const auto reading = reading_of(list_with(
      "{" + entry("a.test", R"({"mode":"enforce","mxs":[)" + mxs + "]}") + "," + entry("c.test") + "}"));
  CHECK(shown(*reading.list) == "c.test enforce m.test");
  CHECK(reading.findings.size() == 1);
  CHECK(shown(reading).find("more than 64 mxs") != std::string::npos);
}

TEST_CASE("a list whose policies are all faulty is refused, one without any is not") {
  for (const std::string& policies :
       {std::string(R"({"a.test": 1})"), "{" + entry("a..test") + "," + entry("b.test", "[]") + "}",
        "{" + entry("a.test", R"({"policy-alias":"gone"})") + "}"}) {
    CAPTURE(policies);
    const auto reading = reading_of(list_with(policies));
    CHECK(bad(reading.list).message == "l.json:3:1: none of its policies stands");
    CHECK(reading.faults() > 0);
  }
  const auto reading = reading_of(list_with("{}", "{" + entry("sick", "{}") + "}"));
  REQUIRE(reading.list);
  CHECK(reading.list->size() == 0);
}

TEST_CASE("a file that is no list is refused completely") {
  const std::string sound = list_with("{" + entry("a.test") + "}");
  const std::vector<std::pair<std::string, std::string>> faulty{
      {"", "l.json:1:1: no JSON: the text ends too early"},
      {"[]", "l.json:1:1: is no JSON object"},
      {"17", "l.json:1:1: is no JSON object"},
      {"<html>", "l.json:1:1: no JSON: Invalid value."},
      {"\xef\xbb\xbf" + sound, "no JSON"},
      {sound.substr(0, sound.size() / 2), "no JSON: the text ends too early"},
      {sound + "x", "no JSON: The document root must not be followed by other values."},
      {sound + sound, "no JSON: The document root must not be followed by other values."},
      {sound + std::string("\0x", 2), "something follows the end of the JSON object"},
      {replaced(sound, "a.test", "a\x01.test"), "no JSON"},
      {replaced(sound, "a.test", "a\xff.test"), "no JSON: a text is not UTF-8"},
      {replaced(sound, "a.test", "\\ud800"), "no JSON"},
      {replaced(sound, R"("enforce")", "NaN"), "no JSON"},
      {replaced(sound, "0.1", "0.2"), R"('version' is not "0.1")"},
      {replaced(sound, R"("0.1")", "0.1"), R"('version' is not "0.1")"},
      {replaced(sound, R"("version")", R"("Version")"), "'version' is missing"},
      {replaced(sound, "\"expires\"", "\"expiry\""), "1:1: 'expires' is missing"},
      {replaced(sound, "\"timestamp\"", "\"time\""), "'timestamp' is missing"},
      {replaced(sound, "\"policies\"", "\"policy\""), "'policies' is missing"},
      {replaced(sound, "2026-02-01T", "2026-13-01T"), "'expires' '2026-13-01T00:00:00Z' is neither"},
      {replaced(sound, "\"2026-02-01T00:00:00Z\"", "-5"), "'expires' '-5' is neither"},
      {replaced(sound, "\"2026-02-01T00:00:00Z\"", "1e99"), "'expires' '1e99' is neither"},
      {replaced(sound, "\"2026-02-01T00:00:00Z\"", "99999999999999999999999999"), "is neither"},
      {replaced(sound, "\"2026-02-01T00:00:00Z\"", "null"), "'expires' is neither"},
      {replaced(sound, "\"2026-02-01T00:00:00Z\"", "[1]"), "'expires' is neither"},
      {replaced(sound, "\"2026-02-01T00:00:00Z\"", "\"1769904000\""), "is neither"},
      {replaced(sound, "2026-02-01", "2026-01-01"), "'expires' is not later than 'timestamp'"},
      {replaced(sound, "2026-02-01", "2025-01-01"), "'expires' is not later than 'timestamp'"},
      {list_with("[]"), "'policies' is not an object"},
      {list_with("null"), "'policies' is not an object"},
      {list_with("{}", "[]"), "'policy-aliases' is not an object"},
      {replaced(sound, "\"author\"", "\"policies\""), "'policies' is not an object"},
      {replaced(sound, "\"author\": \"Test\"", "\"version\": \"0.1\""), "'version' is there twice"},
      {replaced(sound, "{\"a.test\"", "{}, \"policies\": {\"a.test\""), "'policies' is there twice"},
  };
  for (const auto& [text, why] : faulty) {
    CAPTURE(text);
    const auto error = bad(reading_of(text).list);
    CHECK(error.fault == Fault::data);
    INFO(error.message);
    CHECK(error.message.find(why) != std::string::npos);
    CHECK(error.message.find('\n') == std::string::npos);
  }
}

TEST_CASE("a text that is cut anywhere is refused") {
  const std::string sound = list_with("{" + entry("a.test") + "}");
  for (std::size_t size = 0; size < sound.size() - 2; ++size) {
    CAPTURE(size);
    CHECK_FALSE(reading_of(sound.substr(0, size)).list);
  }
}

TEST_CASE("deep nesting is refused, however deep") {
  for (const std::size_t depth : {std::size_t{17}, std::size_t{200}, std::size_t{5'000'000}}) {
    CHECK(bad(reading_of(std::string(depth, '[')).list).message.find("is no JSON object") !=
          std::string::npos);
    const auto reading = reading_of(R"({"x":)" + std::string(depth, '[') + std::string(depth, ']') + "}");
    CHECK(bad(reading.list).message == "l.json:1:21: nested deeper than 16 levels");
    CHECK_FALSE(reading_of(list_with("{\"a.test\":" + std::string(depth, '{'))).list);
  }
}

TEST_CASE("a list with very many faults is still read to its end") {
  std::string policies = "{";
  for (std::size_t i = 0; i < max_findings + 10; ++i) policies += fmt::format("\"d{}\":1,", i);
  const auto reading = reading_of(list_with(policies + entry("a.test") + "}"));
  CHECK(shown(*reading.list) == "a.test enforce m.test");
  CHECK(reading.findings.size() == max_findings);
  CHECK(reading.suppressed == 10);
}

TEST_CASE("no text from a list can move the cursor of a terminal") {
  const auto reading = reading_of(list_with(
      "{" + entry("\\u001b[2Jx.test", R"({"mode":"\u001b]0;x\u0007","mxs":["\u202emx.test"],"\u009b":1})") +
      "," + entry("c.test") + "}"));
  CHECK(reading.findings.size() == 4);
  for (const char c : shown(reading)) CHECK((c == '\n' || (c >= ' ' && c <= '~')));
}
