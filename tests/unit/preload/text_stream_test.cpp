#include "preload/text_stream.h"

#include <numeric>

#include "support.h"

using namespace starttls;
using namespace starttls::preload;
using namespace starttls::test;

namespace {

// Returns a text in pieces of at most this many bytes.
ReadBytes pieces_of(std::string text, std::size_t most) {
  return [text = std::move(text), most,
          at = std::size_t{0}](std::span<char> into) mutable -> Result<std::size_t> {
    const std::size_t size = text.copy(into.data(), std::min(most, into.size()), at);
    at += size;
    return size;
  };
}

std::string shown(Position position) {
  return fmt::format("{}:{}", position.line, position.column);
}

}  // namespace

TEST_CASE("a stream returns every byte of its text, whatever the pieces") {
  std::string text;
  for (int i = 0; i < 300'000; ++i) text += static_cast<char>('a' + i % 26);
  for (const std::size_t most : {1U, 7U, 65'536U, 100'000U, 300'000U, 1U << 30U}) {
    CAPTURE(most);
    const ReadBytes read = pieces_of(text, most);
    TextStream stream("text", read);
    std::string got;
    bool told_right = true;
    while (!stream.at_end()) {
      told_right = told_right && stream.Peek() == text[got.size()] && stream.Tell() == got.size();
      got += stream.Take();
    }
    CHECK(told_right);
    CHECK(got == text);
    CHECK(stream.Peek() == 0);
  }
}

TEST_CASE("a stream takes little memory for a short text, and reads a long one in large pieces") {
  std::vector<std::size_t> pieces;
  const ReadBytes read = [&](std::span<char> into) -> Result<std::size_t> {
    pieces.push_back(into.size());
    std::ranges::fill(into, ' ');
    return pieces.size() > 20 ? 0 : into.size();
  };
  TextStream stream("text", read);
  CHECK(pieces == std::vector{std::size_t{16} << 10U});
  while (!stream.at_end()) stream.Take();
  CHECK(pieces.back() == std::size_t{1} << 20U);
  CHECK(stream.Tell() == std::accumulate(pieces.begin(), pieces.end() - 1, std::size_t{0}));
}

TEST_CASE("the places in a text count lines and columns from 1, whatever the pieces") {
  const std::string text = "ab\n\ncd\r\ne";
  const std::vector<std::string> positions{"1:1", "1:2", "1:3", "2:1", "3:1",
                                           "3:2", "3:3", "3:4", "4:1", "4:2"};
  for (const std::size_t most : {1U, 2U, 3U, 100U}) {
    const ReadBytes read = pieces_of(text, most);
    TextStream stream("text", read);
    for (std::size_t i = 0; i < text.size(); ++i) {
      CHECK(shown(stream.position_of(i)) == positions[i]);
      if (i % 3 == 2) CHECK(shown(stream.pass(i)) == positions[i]);
      stream.Take();
    }
    CHECK(shown(stream.position_of(text.size())) == positions.back());
    CHECK(shown(stream.position_of(1000)) == positions.back());
  }
}

TEST_CASE("places are right far into a text, also for text that was read some time ago") {
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += fmt::format("line {}\n", i);
  const ReadBytes read = pieces_of(text, 100'000);
  TextStream stream("text", read);
  while (stream.Tell() < 700'000) stream.Take();
  const auto expected = [&](std::size_t offset) {
    const auto lines =
        static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<long>(offset), '\n'));
    return fmt::format("{}:{}", lines + 1, offset - text.rfind('\n', offset - 1));
  };
  for (const std::size_t offset : {640'000U, 650'000U, 699'999U, 700'000U}) {
    CHECK(shown(stream.position_of(offset)) == expected(offset));
  }
}

TEST_CASE("a string starts at the quote that is not escaped") {
  for (const auto& [text, start] : {std::pair{std::string(R"(  "abc")"), 2U},
                                    {std::string(R"({"a\"b")"), 1U},
                                    {std::string(R"({"a": "b\\")"), 6U},
                                    {std::string(R"({"a": "\\\"b")"), 6U},
                                    {std::string(R"("")"), 0U}}) {
    CAPTURE(text);
    const ReadBytes read = pieces_of(text, 3);
    TextStream stream("text", read);
    while (!stream.at_end()) stream.Take();
    CHECK(stream.start_of_string(text.size()) == start);
  }
}

TEST_CASE("a text that cannot be read completely has its reason") {
  int calls = 0;
  const ReadBytes read = [&](std::span<char> into) -> Result<std::size_t> {
    if (++calls == 3) return fail(Fault::io, "the disk is gone");
    into[0] = 'x';
    return 1;
  };
  TextStream stream("text", read);
  while (!stream.at_end()) stream.Take();
  CHECK(stream.Tell() == 2);
  REQUIRE(stream.error());
  CHECK(stream.error()->message == "the disk is gone");
  CHECK(calls == 3);
}

TEST_CASE("a text without an end is truncated at the limit") {
  const ReadBytes read = [](std::span<char> into) -> Result<std::size_t> {
    std::ranges::fill(into, ' ');
    return into.size();
  };
  const Reading reading = read_list("endless", read);
  CHECK(bad(reading.list).message == "endless: larger than the limit of 536870912 bytes");
  CHECK(reading.findings.empty());
}
