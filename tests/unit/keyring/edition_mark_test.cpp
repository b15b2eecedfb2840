#include "keyring/edition_mark.h"

#include <array>
#include <string>
#include <vector>

#include "keyring/list_name.h"
#include "support.h"

using namespace starttls;
using namespace starttls::keyring;
using namespace starttls::test;

namespace {

const std::string hex = std::string(126, '0') + "a7";

// Edition 2, which follows a file with that hash.
const std::string second = "timestamp:1796007600\tfile:sector.json\tlist:sector\tedition:2\tprevious:" + hex;

std::string changed(std::string text, std::string_view what, std::string_view with) {
  const auto found = text.find(what);
  REQUIRE(found != std::string::npos);
  return text.replace(found, what.size(), with);
}

EditionMark mark(std::string_view comment) {
  const auto read = good(parse_edition_mark(comment));
  REQUIRE(read.has_value());
  return *read;
}

}  // namespace

TEST_CASE("a trusted comment says which edition a file is") {
  const EditionMark two = mark(second);
  CHECK(two.file == "sector.json");
  CHECK(two.list == "sector");
  CHECK(two.edition == 2);
  CHECK(to_rfc3339(two.time) == "2026-11-30T03:00:00Z");
  REQUIRE(two.previous.has_value());
  CHECK(minisign::to_hex(*two.previous) == hex);
  CHECK(to_trusted_comment(two) == second);
}

TEST_CASE("the first edition follows none") {
  const std::string first = "timestamp:1796007600\tfile:sector.json\tlist:sector\tedition:1\tprevious:none";
  CHECK_FALSE(mark(first).previous.has_value());
  CHECK(to_trusted_comment(mark(first)) == first);
}

TEST_CASE("milliseconds are not written") {
  EditionMark two = mark(second);
  two.time += std::chrono::milliseconds(999);
  CHECK(to_trusted_comment(two) == second);
}

TEST_CASE("a comment without an edition is of a list without editions") {
  for (const std::string_view comment : {"", "timestamp:1796007600\tfile:sector.json\thashed", "no edition:2",
                                         "editions:2", "edition", "a comment with\tlist:"})
    CHECK_FALSE(good(parse_edition_mark(comment)).has_value());
}

TEST_CASE("the order of the fields does not matter, nor do others") {
  CHECK(mark("previous:" + hex +
             "\thashed\tedition:2\tlist:sector\t\tedition\tfile:sector.json\tEdition:9\t"
             "timestamp:1796007600") == mark(second));
}

TEST_CASE("a comment with an edition that says not everything is refused, with the field and the reason") {
  const std::vector<std::array<std::string, 3>> bad_comments{
      {"timestamp:1796007600\t", "", "timestamp: is missing"},
      {"file:sector.json\t", "", "file: is missing"},
      {"list:sector\t", "", "list: is missing"},
      {"\tprevious:" + hex, "", "previous: is missing"},
      {"edition:2", "edition:2\tedition:3", "edition: is there twice"},
      {"edition:2", "edition:2\tlist:sector", "list: is there twice"},
      {"edition:2", "edition:0", "edition: is not a number from 1 to 1000000000000"},
      {"edition:2", "edition:-2", "edition: is not a number from 1 to 1000000000000"},
      {"edition:2", "edition:2 ", "edition: is not a number from 1 to 1000000000000"},
      {"edition:2", "edition:", "edition: is not a number from 1 to 1000000000000"},
      {"edition:2", "edition:1000000000001", "edition: is not a number from 1 to 1000000000000"},
      {"edition:2", "edition:99999999999999999999", "edition: is not a number from 1 to 1000000000000"},
      {"edition:2", "edition:1", "previous: is not 'none', although this is edition 1"},
      {hex, "none", "previous: is not 128 hexadecimal digits"},
      {hex, hex + "0", "previous: is not 128 hexadecimal digits"},
      {"a7", "A7", "previous: is not 128 hexadecimal digits"},
      {"a7", "x7", "previous: is not 128 hexadecimal digits"},
      {"1796007600", "now", "timestamp: is not a number from 0 to 253402300799"},
      {"1796007600", "253402300800", "timestamp: is not a number from 0 to 253402300799"},
      {"sector.json", "", "file: is empty"},
      {"list:sector", "list:", "list: is empty"},
      {"list:sector", "list:../sector",
       "list: is '../sector'; it may have letters, digits, '.', '_' and '-' in it, nothing else"},
  };
  for (const auto& [what, with, message] : bad_comments) {
    CAPTURE(what, with);
    const Error error = bad(parse_edition_mark(changed(second, what, with)));
    CHECK(error.fault == Fault::data);
    CHECK(error.message == "its trusted comment: " + message);
  }
}

TEST_CASE("a list's name may be part of a file's name") {
  for (const std::string& name : {std::string("a"), std::string("A-9_b.c"), std::string(64, 'x')})
    CHECK(check_list_name(name).has_value());
  for (const std::string& name : {std::string(), std::string(65, 'x'), std::string("-a"), std::string(".a"),
                                  std::string("a/b"), std::string("a b"), std::string("\xC3\xA4")})
    CHECK(bad(check_list_name(name)).fault == Fault::data);
}
