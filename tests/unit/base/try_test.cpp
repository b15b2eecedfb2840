#include "base/try.h"

#include <memory>

#include "support.h"

using namespace starttls;
using namespace starttls::test;

namespace {

Result<std::string> word(bool good) {
  if (good) return "word";
  return fail(Fault::data, "no word");
}

Result<void> only_good(bool good) {
  TRY(word(good));
  return {};
}

Result<std::unique_ptr<std::size_t>> length(bool good) {
  TRY(only_good(good));
  return std::make_unique<std::size_t>(TRY(word(TRY(word(good)).size() == 4)).size());
}

}  // namespace

TEST_CASE("TRY gives the value of a result") {
  CHECK(*good(length(true)) == 4);
}

TEST_CASE("TRY returns the error of a result") {
  const Error error = bad(length(false));
  CHECK(error.fault == Fault::data);
  CHECK(error.message == "no word");
}

TEST_CASE("a result is moved, not copied") {
  const auto twice = []() -> Result<std::size_t> {
    const std::unique_ptr<std::size_t> one = TRY(length(true));
    return *one * 2;
  };
  CHECK(good(twice()) == 8);
}

TEST_CASE("an error contains the context in which it occurred, and keeps its fault") {
  const Error error = bad(with_context(word(false), "{}:{}", "list.json", 3));
  CHECK(error.fault == Fault::data);
  CHECK(error.message == "list.json:3: no word");
  CHECK(good(with_context(word(true), "list.json")) == "word");
}
