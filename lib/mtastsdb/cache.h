// What is known of MTA-STS domains, kept in a file from one run to the next (SQLite; several processes may
// use it at the same time). Only what is worth keeping is: policies that live, and failures to get one.
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

// Beyond these no new domain is kept, unless one that is of no use any more can go.
//
// Anybody can publish a record without a policy for millions of names, while a policy takes a certificate for
// each. So domains without a policy, about which only failures are known, have a tenth of the room (see
// max_failing()). Beyond it those go first whose next fetch is due soonest. They make room for policies, and
// never the other way round.
inline constexpr std::size_t max_cached_domains = 1'000'000;
constexpr std::size_t max_failing(std::size_t most) {
  return most / 10 + 1;
}
// Of the file, without what SQLite has beside it (16 MiB at most while nobody reads for long).
inline constexpr std::size_t max_cache_file_bytes = std::size_t{1} << 30U;
// Where the file cannot be written.
inline constexpr std::size_t max_cache_memory_bytes = std::size_t{128} << 20U;
// A failure without a policy is shown for so long to people who ask what became of it.
inline constexpr std::chrono::hours max_failure_age{6};

// Not thread-safe: one a thread.
class Cache {
 public:
  // For programs that must go on whatever the file is like: what cannot be used is told in `warning`.
  //
  // A damaged file is set aside as FILE.damaged-TIME (with what SQLite has beside it; the three last are
  // left) and a new one begun, with all that can still be read of the old one. So it is also where the damage
  // shows later: the operation that meets it fails, and says so; the next goes on with the new file.
  //
  // One that cannot be written or be made, is of a newer version, or is somebody else's, is left alone; what
  // is learnt is then kept in memory only, beside what can be read of the file.
  struct Opened;
  static Opened open_or_fall_back(const std::filesystem::path& file, Time now,
                                  std::size_t most = max_cached_domains);

  // Makes the file where there is none. Fault::data where it is damaged or of a newer version,
  // Fault::permission, Fault::io, Fault::unavailable.
  static Result<Cache> open(const std::filesystem::path& file, std::size_t most = max_cached_domains);
  // Never writes. Nothing where there is no file: then nothing is known. Of a file that nobody has open, in a
  // folder where the reader may not write, it shows what was in it at this moment.
  static Result<std::optional<Cache>> open_to_read(const std::filesystem::path& file);

  // Errors of all that follow: Fault::data where the file turns out to be damaged, Fault::io where the disk
  // is full or fails, Fault::temporary where another process holds it for more than two seconds.

  Result<std::optional<mtasts::PolicyState>> find(const DomainName& domain);
  // What is empty() removes the entry. Fault::unavailable where the cache is full, by domains or by bytes.
  Result<void> keep(const DomainName& domain, const mtasts::PolicyState& policy_state, Time now);
  // Whether it was there.
  Result<bool> remove(const DomainName& domain);
  Result<std::size_t> remove_all();
  // In the order of the domains. `see` does not change the cache.
  Result<void> each(const std::function<void(const CacheEntry&)>& see);
  // Domains with a live policy whose next fetch is due, the longest overdue first.
  Result<std::vector<DomainName>> due(Time now, std::size_t most);
  // Drops policies a week after their end and failures after max_failure_age; a thousand for each call at
  // most.
  Result<void> tidy(Time now);
  // Another number once any process has changed anything. It means something to this object only.
  Result<std::int64_t> version();
  // Another number once any process has changed what a mail server would be told: a policy came, was removed,
  // or names another mode or other MX hosts. Does not change when a policy is only fetched anew, nor when one
  // expires. It is in the file, and so the same for all; a file begun anew begins with another.
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
