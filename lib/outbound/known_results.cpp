#include "outbound/known_results.h"

#include <xxhash.h>

#include <algorithm>
#include <utility>

namespace starttls::outbound {

DatagramHash hash_of(Source source, std::string_view datagram) {
  const XXH128_hash_t hash =
      ::XXH3_128bits_withSeed(datagram.data(), datagram.size(), static_cast<XXH64_hash_t>(source));
  return {.high = hash.high64, .low = hash.low64};
}

bool KnownResults::count(Day day, const DatagramHash& hash) {
  if (day != day_) return false;
  const auto found = known_.find(hash);
  if (found == known_.end()) return false;
  if (found->second.counted++ == 0) counted_.push_back(&found->second);
  return true;
}

std::vector<KnownCount> KnownResults::take_counts() {
  std::ranges::sort(counted_, {}, &Entry::policy);
  std::vector<KnownCount> counts;
  counts.reserve(counted_.size());
  for (Entry* const entry : counted_) {
    const std::uint64_t successful = std::exchange(entry->counted, 0);
    if (!counts.empty() && counts.back().policy == entry->policy) {
      counts.back().successful += successful;  // the same result in other words
    } else {
      counts.push_back({.day = day_, .policy = entry->policy, .successful = successful});
    }
  }
  counted_.clear();
  return counts;
}

void KnownResults::remember(Day day, const DatagramHash& hash, const store::RowDigest& policy) {
  if (day < day_) return;
  if (day > day_) clear();
  day_ = day;
  if (known_.size() < max_results) known_.emplace(hash, Entry{.policy = policy});
}

void KnownResults::clear() {
  counted_.clear();
  known_.clear();
}

}  // namespace starttls::outbound
