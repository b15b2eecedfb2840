// docs/checking.md has the table of all codes. After a change of the table:
//
//     unit_examination '[.write]'

#include <fmt/format.h>

#include "examination/finding.h"
#include "support.h"

using namespace starttls;
using namespace starttls::examination;

namespace {

constexpr std::string_view heading = "## All codes\n";

std::string levels_of(const CodeDescription& code) {
  std::string words;
  for (const auto& [level, word] : level_words.words) {
    if (code.can_have(level)) words += fmt::format("{}{}", words.empty() ? "" : ", ", word);
  }
  return words;
}

std::string tables() {
  std::string text;
  for (const auto& [topic, words] : topic_words.words) {
    text +=
        fmt::format("\n### {}\n\n| code | levels | what it is about | source |\n|---|---|---|---|\n", words);
    for (const CodeDescription& code : codes()) {
      if (code.topic == topic)
        text +=
            fmt::format("| `{}` | {} | {} | {} |\n", code.word, levels_of(code), code.meaning, code.source);
    }
  }
  return text;
}

// The document, with the tables in place of all that follows its introduction.
std::string document() {
  const std::string text = test::read(STARTTLS_DOCUMENT);
  const std::size_t place = text.find(heading);
  REQUIRE(place != std::string::npos);
  const std::size_t end = std::min(text.find("\n### ", place), text.size());
  return text.substr(0, end) + (text.substr(0, end).ends_with("\n\n") ? tables().substr(1) : tables());
}

}  // namespace

TEST_CASE("the document has the table of all codes") {
  CHECK(test::read(STARTTLS_DOCUMENT) == document());
}

TEST_CASE("write the tables of the document", "[.write]") {
  test::write(STARTTLS_DOCUMENT, document());
}

TEST_CASE("codes are words, each once, with a sentence and a source") {
  std::vector<std::string_view> words;
  for (const CodeDescription& code : codes()) {
    INFO(code.word);
    CHECK(code.word.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") == std::string_view::npos);
    CHECK(std::ranges::find(words, code.word) == words.end());
    CHECK(code.meaning.ends_with('.'));
    CHECK_FALSE(code.source.empty());
    CHECK(code.levels != 0);
    words.push_back(code.word);
  }
}
