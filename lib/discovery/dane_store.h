// DANE results that DNSSEC has proven, stored in a file (SQLite), so that they survive later failed lookups
// and restarts. Several processes may use the file at the same time.
//
//     auto opened = DaneStore::open_or_fall_back(file);
//     opened.store.keep(domain, result, now, now + result.ttl + 24h);
//     if (const auto before = opened.store.find(domain, now)) result = dane::keep_proven(result, *before);
//
// Only the status and its reason are stored, not the records: Postfix looks those up itself.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/next_hop.h"
#include "base/result.h"
#include "dane/dane.h"

namespace starttls::discovery {

// With more domains, those whose results expire soonest are removed.
inline constexpr std::size_t max_stored_results = 100'000;
// The longest time that a result is used, even if the file has a later end.
inline constexpr std::chrono::hours max_result_age{24 * 31};

// Not thread-safe: use one for each thread.
class DaneStore {
 public:
  struct Opened;
  // Creates the file where there is none. A damaged one is renamed to FILE.damaged, replacing an earlier
  // such file, and a new one is created; the same happens where the damage shows later. Where the file
  // cannot be used for another reason (rights, a newer version, a full disk), results are kept in memory
  // only, and `warning` has the reason.
  static Opened open_or_fall_back(const std::filesystem::path& file, std::size_t max = max_stored_results);

  // Errors of the following as of sqlite/sqlite.h. A result has no hosts, and a TTL of zero.
  Result<std::optional<dane::DaneResult>> find(const NextHop& next_hop, Time now);
  // Stores a proven result: all, some, unusable, insecure or none. Writes only another status, or a
  // noticeably later end.
  Result<void> keep(const NextHop& next_hop, const dane::DaneResult& result, Time now, Time until);
  Result<void> remove(const NextHop& next_hop);

  DaneStore(DaneStore&&) noexcept;
  DaneStore& operator=(DaneStore&&) noexcept;
  ~DaneStore();

 private:
  class Impl;
  explicit DaneStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct DaneStore::Opened {
  DaneStore store;
  std::optional<Error> warning;
};

}  // namespace starttls::discovery
