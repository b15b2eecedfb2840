// What is known of MTA-STS domains, kept in a file from one run to the next (SQLite; several processes may
// use it at the same time). Only what is worth keeping is: policies that live, and failures to get one.
#pragma once

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
#include "mtasts/knowledge.h"

namespace starttls::mtasts {

struct CacheEntry {
  DomainName domain;
  Knowledge knowledge;
};

// Not thread-safe: one a thread.
class Cache {
 public:
  // For programs that must go on whatever the file is like: what cannot be used is told in `warning`. A
  // damaged file is set aside as FILE.damaged-TIME and a new one begun; one that cannot be written, or is of
  // a newer version, is left alone, and what is learnt is kept in memory only.
  struct Opened;
  static Opened open_whatever(const std::filesystem::path& file, Time now);

  // Makes the file where there is none. Fault::data where it is damaged or of a newer version,
  // Fault::permission, Fault::io.
  static Result<Cache> open(const std::filesystem::path& file);
  // Never writes. Nothing where there is no file: then nothing is known.
  static Result<std::optional<Cache>> open_to_read(const std::filesystem::path& file);

  Result<std::optional<Knowledge>> find(const DomainName& domain);
  // Nothing worth keeping removes the entry.
  Result<void> keep(const DomainName& domain, const Knowledge& knowledge, Time now);
  // Whether it was there.
  Result<bool> remove(const DomainName& domain);
  Result<std::size_t> remove_all();
  // In the order of the domains.
  Result<void> each(const std::function<void(const CacheEntry&)>& see);
  // Domains with a live policy whose next fetch is due, the longest overdue first.
  Result<std::vector<DomainName>> due(Time now, std::size_t most);
  // Drops what has expired long enough not to be of interest; bounded work for each call.
  Result<void> tidy(Time now);
  // Another number once any process has changed anything.
  Result<std::int64_t> version();
  // Another number once any process has changed what a mail server would be told: a policy came, went, or
  // names another mode or other MX hosts. Does not change when a policy is only fetched anew.
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

}  // namespace starttls::mtasts
