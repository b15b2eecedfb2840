// What DNSSEC has proven about DANE, kept in a file (SQLite) from one run to the next, so that lookups that
// fail later, or a restart, forget nothing. Several processes may use the file at the same time.
//
//     auto opened = DaneStore::open_or_fall_back(file, now);
//     store.keep(domain, verdict, now, now + verdict.ttl + 24h);
//     if (const auto before = store.find(domain, now)) verdict = dane::keep_proven(verdict, *before);
//
// Only the standing and its reason are kept, not the records: Postfix looks those up itself.
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

// With more domains those go first whose verdicts end soonest.
inline constexpr std::size_t max_stored_results = 100'000;
// No verdict is kept for longer than this, whatever a file says.
inline constexpr std::chrono::hours max_result_age{24 * 31};

// Not thread-safe: one a thread.
class DaneStore {
 public:
  struct Opened;
  // Makes the file where there is none. A damaged one is renamed to FILE.damaged, in place of an earlier such
  // file, and a new one is begun; so it is where the damage shows later. Where the file cannot be used for
  // another reason (rights, a newer version, a full disk), verdicts are kept in memory only. Either is said
  // in `warning`.
  static Opened open_or_fall_back(const std::filesystem::path& file, std::size_t max = max_stored_results);

  // Errors of all that follow as of sqlite/sqlite.h. A verdict has no hosts, and a TTL of zero.
  Result<std::optional<dane::DaneResult>> find(const NextHop& next_hop, Time now);
  // Of a verdict that is proven: all, some, unusable, insecure or none. Writes only what makes a difference:
  // another standing, or a noticeably later end.
  Result<void> keep(const NextHop& next_hop, const dane::DaneResult& verdict, Time now, Time until);
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
