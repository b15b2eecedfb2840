#include "json/json_text.h"

#include <functional>

#include "support.h"

using namespace starttls;

TEST_CASE("JSON answers are ASCII, whatever text they contain") {
  json::JsonText json;
  json.begin_object();
  json.member("text", "caf\xc3\xa9 \x1b[31m \"\\");
  json.member("bytes", "a\xff");
  json.member("number", std::size_t{7});
  json.member("yes", true);
  json.key("none");
  json.null();
  json.key("list");
  json.begin_array();
  json.end_array();
  json.end_object();
  CHECK(json.take() == R"({
  "text": "caf\u00E9 \u001B[31m \"\\",
  "bytes": "a\\xff",
  "number": 7,
  "yes": true,
  "none": null,
  "list": []
}
)");
}

TEST_CASE("objects and arrays nest as the calls of their functions do") {
  json::JsonText json;
  json.object([&] {
    json.object("empty", [] {});
    json.array("list", [&] { json.object([&] { json.member("number", 1U); }); });
  });
  CHECK(json.take() == R"({
  "empty": {},
  "list": [
    {
      "number": 1
    }
  ]
}
)");
}

TEST_CASE("a long JSON answer is written in parts that together are the whole answer") {
  const auto write = [](const std::function<void(json::JsonText&)>& between) {
    json::JsonText json;
    json.begin_array();
    for (std::size_t i = 0; i < 3; ++i) {
      json.begin_object();
      json.member("number", i);
      json.end_object();
      between(json);
    }
    json.end_array();
    return json.take();
  };
  std::string parts;
  const std::string rest = write([&](json::JsonText& json) { parts += json.take_part(); });
  CHECK(parts + rest == write([](json::JsonText&) {}));
}
