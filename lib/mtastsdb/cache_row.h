// A row of the cache's file, and what it says. Whoever may write the file decides what is in it: only what
// the cache itself would have written is believed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "mtastsdb/cache.h"

namespace starttls::mtastsdb {

// Times are milliseconds since 1970, UTC.
struct PolicyColumns {
  std::string text;
  std::string id;
  std::int64_t fetched = 0;

  bool operator==(const PolicyColumns&) const = default;
};

struct FailureColumns {
  std::string type;  // "sts-policy-fetch-error", ...
  std::string reason;
  std::string id;
  std::int64_t since = 0;
  std::int64_t last = 0;
  std::int64_t count = 0;

  bool operator==(const FailureColumns&) const = default;
};

struct CacheRow {
  std::string domain;
  std::optional<PolicyColumns> policy;
  std::optional<FailureColumns> failure;
  std::int64_t next_fetch = 0;

  bool operator==(const CacheRow&) const = default;
};

inline constexpr std::size_t max_reason_length = 1000;  // bytes

// Nothing where the row is not sound: the domain is no name in its one form, the policy cannot be read, an id
// is none, a time is before 1970 or after 9999, the reason is not fit to be shown.
std::optional<CacheEntry> to_entry(const CacheRow& row);

CacheRow to_row(const CacheEntry& entry);

// What a mail server is told of a policy, its mode and MX hosts, to be compared.
std::string mta_view(const mtasts::Policy& policy);

}  // namespace starttls::mtastsdb
