#include "preload/text_pool.h"

#include <cstring>
#include <string>

#include "support.h"

using namespace starttls;
using namespace starttls::preload;

TEST_CASE("the first text may be empty, or as long as a text can be") {
  const std::size_t size = GENERATE(std::size_t{0}, TextPool::piece_size);
  TextPool pool;
  const std::uint32_t place = pool.make(size);
  CHECK(place != 0);
  std::memset(pool.at(place), 'x', size);
  CHECK_THROWS_AS(pool.make(TextPool::piece_size + 1), std::length_error);
}

TEST_CASE("texts of all sizes keep their places, also when the pool is moved") {
  TextPool pool;
  std::vector<std::pair<std::uint32_t, std::string>> texts;
  for (std::size_t i = 0; i < 400; ++i) {
    const std::size_t size = i % 100 == 99 ? TextPool::piece_size : i * i % 30'000;
    std::string text(size, static_cast<char>('a' + i % 26));
    const std::uint32_t place = pool.make(size);
    CHECK(place != 0);
    std::memcpy(pool.at(place), text.data(), size);
    texts.emplace_back(place, std::move(text));
  }
  const TextPool moved = std::move(pool);
  for (const auto& [place, text] : texts) {
    CHECK(std::string_view(moved.at(place), text.size()) == text);
  }
}
