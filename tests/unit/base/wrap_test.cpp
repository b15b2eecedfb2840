#include "base/wrap.h"

#include "catch.h"

using namespace starttls;

TEST_CASE("words are wrapped at 80 columns behind the indent") {
  std::string text;
  append_wrapped(text, "1.", 4,
                 "The first line has the number, and the others have blanks below its first word, here.");
  CHECK(text ==
        "1.  The first line has the number, and the others have blanks below its first\n"
        "    word, here.\n");
}

TEST_CASE("a word that is longer than a line has a line of its own") {
  const std::string word(100, 'x');
  std::string text;
  append_wrapped(text, "", 2, "a " + word + " b");
  CHECK(text == "  a\n  " + word + "\n  b\n");
}

TEST_CASE("a line without words is its indent") {
  std::string text;
  append_wrapped(text, "heading", 2, "");
  CHECK(text == "heading\n");
}
