// policies/list-schema.json accepts the same as the reader, as far as a schema can.

// The patterns have lookaheads, which only std::regex supports.
#define RAPIDJSON_SCHEMA_USE_INTERNALREGEX 0
#include <rapidjson/document.h>
#include <rapidjson/schema.h>

#include <regex>

#include "base/domain.h"
#include "preload/mx_pattern.h"
#include "preload/reader.h"
#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

namespace {

const std::filesystem::path folder = STARTTLS_POLICIES;

rapidjson::Document parsed(const std::string& json) {
  rapidjson::Document document;
  document.Parse(json.data(), json.size());
  REQUIRE_FALSE(document.HasParseError());
  return document;
}

const rapidjson::Document& schema() {
  static const rapidjson::Document document = parsed(read(folder / "list-schema.json"));
  return document;
}

bool satisfies_schema(const std::string& json) {
  const rapidjson::SchemaDocument compiled(schema());
  rapidjson::SchemaValidator validator(compiled);
  return parsed(json).Accept(validator);
}

bool fits(const char* definition, const std::string& text) {
  return std::regex_search(text, std::regex(schema()["definitions"][definition]["pattern"].GetString()));
}

bool is_faultless(const std::string& json) {
  const auto reading = read_list("list.json", json);
  return reading.list && reading.faults() == 0;
}

std::string list_of(const std::string& policies, const std::string& aliases = "{}") {
  return R"({"timestamp": "2026-01-01T00:00:00Z", "expires": 1769904000, "version": "0.1", "policy-aliases": )" +
         aliases + R"(, "policies": )" + policies + "}";
}

}  // namespace

TEST_CASE("the example list satisfies the schema and the reader") {
  const std::string example = read(folder / "example-list.json");
  CHECK(satisfies_schema(example));
  CHECK(is_faultless(example));
}

TEST_CASE("the schema and the reader agree on lists") {
  const std::string sound = R"({"mode": "enforce", "mxs": ["mx.a.test", ".b.test"]})";
  for (const std::string& json :
       {list_of("{}"), list_of(R"({"a.test": )" + sound + "}"),
        list_of(R"({"a.test": {"policy-alias": "x", "mode": 7}})", R"({"x": )" + sound + "}")}) {
    CAPTURE(json);
    CHECK(is_faultless(json));
    CHECK(satisfies_schema(json));
  }
  for (const std::string& json :
       {std::string("[]"), std::string("{}"), list_of("[]"), list_of("{}", "[]"), list_of(R"({"a.test": 1})"),
        list_of(R"({"a.test": {}})"), list_of(R"({"a.test": {"mode": "enforce"}})"),
        list_of(R"({"a.test": {"mxs": ["mx.a.test"]}})"),
        list_of(R"({"a.test": {"mode": "enforce", "mxs": []}})"),
        list_of(R"({"a.test": {"mode": "Enforce", "mxs": ["mx.a.test"]}})"),
        list_of(R"({"a.test": {"mode": "enforce", "mxs": "mx.a.test"}})"),
        list_of(R"({"a.test": {"mode": "enforce", "mxs": [7]}})"),
        list_of(R"({"a.test": {"mode": "enforce", "mxs": ["nexthop"]}})"),
        list_of(R"({"a.test": {"mode": "enforce", "mxs": ["mx.a.test"], "policy-alias": 7}})"),
        list_of("{}", R"({"x": {"mode": "enforce", "mxs": ["mx.a.test"], "policy-alias": "y"}})"),
        std::string(R"({"timestamp": -1, "expires": 2, "version": "0.1", "policies": {}})"),
        std::string(R"({"timestamp": 1, "expires": 2, "version": "0.2", "policies": {}})")}) {
    CAPTURE(json);
    CHECK_FALSE(is_faultless(json));
    CHECK_FALSE(satisfies_schema(json));
  }
}

TEST_CASE("the schema and the reader agree on names and patterns") {
  CHECK(std::string(schema()["properties"]["policies"]["propertyNames"]["$ref"].GetString()) ==
        "#/definitions/name");
  const std::string label(63, 'x');
  const std::string longest = label + "." + label + "." + label + "." + std::string(61, 'x');
  for (const std::string& text : {std::string("a.test"),
                                  std::string("A.Test."),
                                  std::string("xn--bcher-kva.example"),
                                  std::string("xn--ls8h.la"),
                                  std::string("xn--a.test"),
                                  std::string("mx.example.123"),
                                  std::string("0x7f.1"),
                                  std::string("0x7f.0x1"),
                                  std::string("0x"),
                                  std::string("a.0X7F."),
                                  std::string("a.0x7g"),
                                  std::string("a.0x7-1"),
                                  std::string("1.2a.test"),
                                  std::string("a.0-0"),
                                  std::string("test"),
                                  std::string("nexthop"),
                                  std::string("nexthop."),
                                  std::string(".org"),
                                  std::string(".example.org"),
                                  std::string(".org."),
                                  std::string("192.0.2.1"),
                                  std::string("192.0.2.1."),
                                  std::string(".2.1"),
                                  std::string("7"),
                                  std::string("[192.0.2.1]"),
                                  std::string("2001:db8::1"),
                                  std::string(""),
                                  std::string("."),
                                  std::string(".."),
                                  std::string("a..test"),
                                  std::string("..a.test"),
                                  std::string("a.test.."),
                                  std::string("-a.test"),
                                  std::string("a-.test"),
                                  std::string("a_b.test"),
                                  std::string("*.a.test"),
                                  std::string("a.test "),
                                  std::string("a.test\n"),
                                  std::string("a\nb.test"),
                                  std::string("a.test\nb"),
                                  label + ".test",
                                  label + "x.test",
                                  longest,
                                  longest + ".",
                                  longest + "x",
                                  "." + longest}) {
    CAPTURE(text);
    CHECK(fits("name", text) == DomainName::parse(text).has_value());
    CHECK(fits("pattern", text) == MxPattern::parse(text).has_value());
  }
}
