#include "outbound/known_results.h"

#include <xxhash.h>

#include <algorithm>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>

namespace starttls::outbound {

DatagramHash hash_of(Source source, std::string_view datagram) {
  const XXH128_hash_t hash =
      ::XXH3_128bits_withSeed(datagram.data(), datagram.size(), static_cast<XXH64_hash_t>(source));
  return {.high = hash.high64, .low = hash.low64};
}

KnownResults::KnownResults() {
  constexpr float tight = 0.8F;
  known_.max_load_factor(tight);
}

bool KnownResults::count(Day day, const DatagramHash& hash) {
  if (day != day_) return false;
  const auto found = known_.find(hash);
  if (found == known_.end() || found->second.counted == std::numeric_limits<std::uint32_t>::max())
    return false;
  ++found.value().counted;
  return true;
}

std::vector<KnownCount> KnownResults::take_counts() {
  std::vector<std::uint32_t> counted(policies_.size());
  for (auto entry = known_.begin(); entry != known_.end(); ++entry)
    counted[entry->second.policy] = std::exchange(entry.value().counted, 0);
  std::vector<KnownCount> counts;
  counts.reserve(static_cast<std::size_t>(std::ranges::count_if(counted, std::identity{})));
  for (std::size_t i = 0; i < counted.size(); ++i) {
    const auto& [digest, row] = policies_[i];
    if (counted[i] > 0)
      counts.push_back({.policy = {.day = day_, .digest = digest}, .row = row, .successful = counted[i]});
  }
  return counts;
}

void KnownResults::remember(const DatagramHash& hash, const PolicyId& policy, std::int64_t row) {
  if (policy.day < day_) return;
  if (policy.day > day_) clear();
  day_ = policy.day;
  if (known_.size() >= max_results) return;
  const auto place = static_cast<std::uint32_t>(policies_.size());
  if (known_.try_emplace(hash, Entry{.policy = place}).second)
    policies_.push_back({.digest = policy.digest, .row = row});
}

void KnownResults::clear() {
  known_.clear();
  policies_.clear();
}

}  // namespace starttls::outbound
