#include "preload/findings.h"

#include "support.h"

using namespace starttls::preload;

namespace {

// "line:column " of each offset, in the order of the places.
std::string places(std::string_view text, const std::vector<std::size_t>& offsets) {
  Findings findings;
  for (const std::size_t offset : offsets) findings.add(Severity::note, offset, {}, {});
  std::string shown;
  for (const Finding& finding : std::move(findings).placed_in(text)) {
    shown += fmt::format("{}:{} ", finding.place.line, finding.place.column);
  }
  return shown;
}

}  // namespace

TEST_CASE("the places in a text of one line are its offsets, counted from 1") {
  CHECK(places("0123456789", {7, 0, 3, 3, 9}) == "1:1 1:4 1:4 1:8 1:10 ");
  CHECK(places("", {0}) == "1:1 ");
}

TEST_CASE("the places in a text of several lines begin anew with each line") {
  const std::string_view text = "ab\n\ncd\r\ne";
  CHECK(places(text, {0, 1, 2, 3, 4, 5, 6, 7, 8}) == "1:1 1:2 1:3 2:1 3:1 3:2 3:3 3:4 4:1 ");
  CHECK(places(text, {8}) == "4:1 ");
  CHECK(places("a\n", {2}) == "2:1 ");
}

TEST_CASE("what lies behind the end is placed at the end") {
  CHECK(places("ab\ncd", {3, 5, 6, 1000}) == "2:1 2:3 2:3 2:3 ");
}
