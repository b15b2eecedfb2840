// The MTA-STS state of domains, stored in a file (SQLite; several processes may use it at the same time).
// Only valid policies and failures to obtain one are stored.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/domain.h"
#include "base/result.h"
#include "mtasts/policy_state.h"

namespace starttls::mtastsdb {

struct CacheEntry {
  DomainName domain;
  mtasts::PolicyState policy_state;
};

// Domains in the cache. Beyond these no new domain is stored, unless an expired one can be removed.
//
// Anybody can publish a record without a policy for millions of names, while a policy takes a certificate for
// each. So domains without a policy, of which only failures are stored, get a tenth of the capacity (see
// max_failing()). Beyond it, those whose next fetch is due soonest are removed first. Failures make room for
// policies, never the other way round.
inline constexpr std::size_t max_cached_domains = 1'000'000;
constexpr std::size_t max_failing(std::size_t max) {
  return max / 10 + 1;
}
// Of the file, without SQLite's files beside it (at most 16 MiB while no reader stays for long).
inline constexpr std::size_t max_cache_file_bytes = std::size_t{1} << 30U;
// Of a cache in memory, where the file cannot be written.
inline constexpr std::size_t max_cache_memory_bytes = std::size_t{128} << 20U;
// A failure without a policy is kept for so long, so that it can be shown.
inline constexpr std::chrono::hours max_failure_age{6};

// Not thread-safe: use one for each thread.
class Cache {
 public:
  // For programs that must work whatever the state of the file; `warning` describes what cannot be used.
  //
  // A damaged file is renamed to FILE.damaged-TIME, with SQLite's files beside it, and a new one is created
  // with all that can still be read of the old one. The last three damaged files are kept. The same happens
  // where the damage shows later: the operation that meets it fails with an error, and the next uses the new
  // file.
  //
  // A file that cannot be written or created, has a newer version, or is another program's, is not changed.
  // New state is then kept in memory only, beside what can be read of the file.
  struct Opened;
  static Opened open_or_fall_back(const std::filesystem::path& file, Time now,
                                  std::size_t max = max_cached_domains);

  // Creates the file where there is none. Fault::data where it is damaged or of a newer version,
  // Fault::permission, Fault::io, Fault::unavailable.
  static Result<Cache> open(const std::filesystem::path& file, std::size_t max = max_cached_domains);
  // Never writes. Nothing where there is no file. Where no process has the file open and the reader may not
  // write in its directory, this shows the content at this moment.
  static Result<std::optional<Cache>> open_to_read(const std::filesystem::path& file);

  // Errors of the following: Fault::data where the file is found to be damaged, Fault::io where the disk is
  // full or fails, Fault::temporary where another process locks it for more than two seconds.

  Result<std::optional<mtasts::PolicyState>> find(const DomainName& domain);
  // Stores the state; an empty() one removes the entry. Fault::unavailable where the cache is full, by
  // domains or by bytes.
  Result<void> keep(const DomainName& domain, const mtasts::PolicyState& policy_state, Time now);
  // True where the domain was in the cache.
  Result<bool> remove(const DomainName& domain);
  Result<std::size_t> remove_all();
  // Calls `see` for each entry, in the order of the domains. `see` must not change the cache.
  Result<void> each(const std::function<void(const CacheEntry&)>& see);
  // Domains with a live policy whose next fetch is due, the longest overdue first.
  Result<std::vector<DomainName>> due(Time now, std::size_t max);
  // Removes policies a week after they expired and failures after max_failure_age, at most a thousand entries
  // in each call.
  Result<void> tidy(Time now);
  // Changes when another process has changed anything. Comparable only with other values of this object.
  Result<std::int64_t> version();
  // Changes when any process has changed what a mail server uses: a policy was added or removed, or has
  // another mode or other MX hosts. Does not change when a policy is only fetched again, nor when one
  // expires. Stored in the file, and so the same for all processes; a new file begins with another number.
  Result<std::int64_t> policies_version();

  Cache(Cache&&) noexcept;
  Cache& operator=(Cache&&) noexcept;
  ~Cache();

 private:
  class Impl;
  explicit Cache(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

struct Cache::Opened {
  Cache cache;
  std::optional<Error> warning;
};

}  // namespace starttls::mtastsdb
