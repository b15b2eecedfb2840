#include "listtool/txt_file.h"

#include "support.h"

using namespace starttls;
using namespace starttls::listtool;

namespace {

using Records = std::vector<std::string>;

std::string position(const TxtFile& file, std::size_t line, std::size_t column) {
  const Position position = file.to_file_position({line, column});
  return fmt::format("{}:{}", position.line, position.column);
}

}  // namespace

TEST_CASE("a line is a record, as its bare text, with all blanks") {
  const auto file = read_txt_file("v=a; x=1\r\n\n \t\n  v=b\\; \"y\" ");
  CHECK(file.answer == Records{"v=a; x=1", "  v=b\\; \"y\" "});
  CHECK(file.findings.empty());
  CHECK(position(file, 1, 6) == "1:6");
  CHECK(position(file, 2, 1) == "4:1");
  CHECK(position(file, 2, 13) == "4:13");
  CHECK(read_txt_file("").answer.empty());
}

TEST_CASE("a line of quoted strings is one record, joined without blanks, as dig prints it") {
  const auto file = read_txt_file("\"v=a; \" \"x=1\"\n\"\"\n  \"\\\"\\\\\\065\\;\\255\"\t\"z\"\n");
  CHECK(file.answer == Records{"v=a; x=1", "", "\"\\A;\xffz"});
  CHECK(file.findings.empty());
  // Places are those in the file, whatever escapes precede them.
  CHECK(position(file, 1, 1) == "1:2");
  CHECK(position(file, 1, 6) == "1:10");
  CHECK(position(file, 1, 9) == "1:14");
  CHECK(position(file, 2, 1) == "2:3");
  CHECK(position(file, 3, 1) == "3:4");
  CHECK(position(file, 3, 3) == "3:8");
  CHECK(position(file, 3, 4) == "3:12");
}

TEST_CASE("a text that starts like a string and is none is refused, with the place") {
  const std::vector<std::pair<std::string, std::string>> faulty{
      {"\"v=a", "1:5"},    {"\"v=a\" x", "1:7"}, {"\"v=a\\\"", "1:7"}, {"\"v=a\\", "1:6"},
      {"\"\\25\"", "1:3"}, {"\"\\256\"", "1:3"}, {"\"\\25x\"", "1:3"}, {"\"", "1:2"},
  };
  for (const auto& [text, where] : faulty) {
    CAPTURE(text);
    const auto file = read_txt_file(text);
    CHECK(file.answer.empty());
    REQUIRE(file.findings.size() == 1);
    CHECK(file.findings[0].severity == Severity::refused);
    CHECK(to_string(file.findings[0]).starts_with(where + ": '"));
  }
}

TEST_CASE("a place outside all records is the beginning of the file") {
  CHECK(position(read_txt_file(""), 1, 1) == "1:1");
  CHECK(position(read_txt_file("\nv=a"), 1, 99) == "2:4");
}
