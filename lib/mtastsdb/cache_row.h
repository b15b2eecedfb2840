// A row of the cache's file. Other programs may have written to the file: only rows that the cache itself
// would have written are used.
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

// Nothing where the row is invalid: the domain is not in the form of DomainName, the policy cannot be
// parsed, an id is invalid, a time is before 1970 or after 9999, the reason is not fit to be shown.
std::optional<CacheEntry> to_entry(const CacheRow& row);

CacheRow to_row(const CacheEntry& entry);

// What a mail server uses of a policy, its mode and MX hosts, as a text to compare.
std::string mta_view(const mtasts::Policy& policy);

}  // namespace starttls::mtastsdb
