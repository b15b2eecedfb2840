#include "preload/position_log.h"

#include <limits>

#include "support.h"

using namespace starttls;
using namespace starttls::preload;

TEST_CASE("each position is found again, in whatever order they are") {
  PositionLog log;
  std::vector<Position> positions{
      {.line = 1, .column = 1},
      {.line = std::numeric_limits<std::size_t>::max() / 4, .column = 0},
      {.line = 0, .column = std::numeric_limits<std::size_t>::max() / 4},
      {},
  };
  std::uint32_t number = 1;
  for (int i = 0; i < 1'000; ++i) {
    number = number * 1664525U + 1013904223U;  // a pseudo-random sequence
    positions.push_back({.line = number % (i < 500 ? 100'000'000 : 200), .column = number % 77});
  }
  for (const Position& position : positions) log.add(position);
  for (std::size_t i = 0; i < positions.size(); ++i) {
    CAPTURE(i);
    CHECK(log.at(i) == positions[i]);
  }
}
