// What is written, read by our own reader.

#include "preload/writer.h"

#include <algorithm>
#include <string>
#include <vector>

#include "preload/reader.h"
#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

namespace {

const ListHead head{
    .timestamp = at("2026-11-29T03:00:00Z"), .expires = at("2026-12-04T03:00:00Z"), .author = "A sector"};

struct Written {
  std::string text;
  std::size_t largest = 0;
  std::size_t pieces = 0;

  ListWriter::Sink sink() {
    return [this](std::string_view piece) -> Result<void> {
      text += piece;
      largest = std::max(largest, piece.size());
      ++pieces;
      return {};
    };
  }
};

}  // namespace

TEST_CASE("a list is written with a line an entry") {
  Written written;
  ListWriter writer(head, written.sink());
  good(writer.add("a.test", mtasts::Mode::enforce, std::vector<std::string>{"mx.a.test", ".b.test"}));
  good(writer.add("c.test", mtasts::Mode::testing, std::vector<std::string>{"mx.c.test"}));
  good(writer.add("d.test", mtasts::Mode::none, {}));
  good(writer.finish());
  CHECK(written.text == R"({
  "timestamp": "2026-11-29T03:00:00Z",
  "expires": "2026-12-04T03:00:00Z",
  "version": "0.1",
  "author": "A sector",
  "policies": {
    "a.test": { "mode": "enforce", "mxs": ["mx.a.test", ".b.test"] },
    "c.test": { "mode": "testing", "mxs": ["mx.c.test"] },
    "d.test": { "mode": "none", "mxs": [] }
  }
}
)");
}

TEST_CASE("what is written is read back, without a finding") {
  Written written;
  ListWriter writer({.timestamp = head.timestamp, .expires = head.expires, .author = "\"Société\" \\ <x>\n"},
                    written.sink());
  constexpr std::size_t domains = 20'000;
  for (std::size_t i = 0; i < domains; ++i) {
    good(writer.add(fmt::format("d{:05}.test", i), mtasts::Mode::enforce,
                    std::vector<std::string>{fmt::format("mx{}.test", i), ".backup.test"}));
  }
  good(writer.finish());
  CHECK(written.pieces > 10);
  CHECK(written.largest <= ListWriter::piece_size);

  const Reading reading = read_list("list", written.text);
  for (const Finding& finding : reading.findings) UNSCOPED_INFO(to_string(finding));
  REQUIRE(reading.list.has_value());
  CHECK(reading.findings.empty());
  const List& list = *reading.list;
  CHECK(list.timestamp == head.timestamp);
  CHECK(list.expires == head.expires);
  CHECK(list.author == "\"Société\" \\ <x>\n");
  REQUIRE(list.size() == domains);
  CHECK(list[7].domain == "d00007.test");
  CHECK(list[7].mode == mtasts::Mode::enforce);
  CHECK(list[7].joined_mxs == "mx7.test:.backup.test");
}

TEST_CASE("an entry that is longer than a piece is passed on in pieces") {
  Written written;
  ListWriter writer(head, written.sink());
  good(writer.add(
      "a.test", mtasts::Mode::enforce,
      std::vector<std::string>(1'000, std::string(60, 'a') + "." + std::string(60, 'b') + ".test")));
  good(writer.finish());
  CHECK(written.largest <= ListWriter::piece_size);
  CHECK(written.text.size() > 100'000);
  CHECK(written.text.ends_with("] }\n  }\n}\n"));
}

TEST_CASE("an error of the sink is passed on") {
  ListWriter writer(head, [](std::string_view) -> Result<void> { return fail(Fault::io, "disk full"); });
  CHECK(bad(writer.finish()).message == "disk full");
}
