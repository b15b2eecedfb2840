#include "base/saturated.h"

#include "support.h"

using namespace starttls;

TEST_CASE("sums stop at the largest number that a store can hold") {
  constexpr std::uint64_t largest = std::numeric_limits<std::uint64_t>::max();
  CHECK(saturated_sum(2, 3) == 5);
  CHECK(saturated_sum(max_count, 0) == max_count);
  CHECK(saturated_sum(max_count, 1) == max_count);
  CHECK(saturated_sum(1, max_count) == max_count);
  CHECK(saturated_sum(largest, largest) == max_count);
  CHECK(saturated_sum(largest, 0) == max_count);
  std::uint64_t sum = 0;
  for (int i = 0; i < 10; ++i) add_saturated(sum, std::uint64_t{1} << 62U);
  CHECK(sum == max_count);
  CHECK(static_cast<std::int64_t>(sum) > 0);
}
