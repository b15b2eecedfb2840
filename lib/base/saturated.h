// Sums of reported counts. They stop at the largest number that a store can hold, and never wrap around:
// SQLite and PostgreSQL store signed integers of 64 bits.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

namespace starttls {

inline constexpr auto max_count = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());

// `one` and `other` may be anything; the sum is at most max_count.
constexpr std::uint64_t saturated_sum(std::uint64_t one, std::uint64_t other) {
  one = std::min(one, max_count);
  return one + std::min(other, max_count - one);
}

constexpr void add_saturated(std::uint64_t& sum, std::uint64_t more) {
  sum = saturated_sum(sum, more);
}

}  // namespace starttls
