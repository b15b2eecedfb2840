#include "base/enum_words.h"

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

enum class Colour { red, dark_blue, unnamed };
constexpr auto colours = enum_words<Colour>({{Colour::red, "red"}, {Colour::dark_blue, "dark-blue"}});

}  // namespace

TEST_CASE("a value has its word, and the word its value") {
  CHECK(colours.word(Colour::dark_blue) == "dark-blue");
  CHECK(good(colours.parse("dark-blue", "colour")) == Colour::dark_blue);
  CHECK(colours.word(Colour::unnamed).empty());
  CHECK(!colours.find("green"));
}

TEST_CASE("an unknown word is refused with a list of the known ones") {
  const Error error = bad(colours.parse("gr\nen", "colour", Fault::config));
  CHECK(error.fault == Fault::config);
  CHECK(error.message == "'gr\\x0aen' is not a valid colour (red, dark-blue)");
}
