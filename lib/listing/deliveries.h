// What others report (RFC 8460) about deliveries to a domain. It is evidence and no proof, because anybody can send a
// report: it is shown, and makes a watched domain wait longer, but it puts no domain on the list and takes none off. Pure.
//
//     reports -> DeliveryReport, one for each reporter and day -> add_up() -> DeliverySums -> listing::observe()
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"

namespace starttls::listing {

// Reports count for so many days.
inline constexpr std::chrono::days delivery_days{7};

// Sessions by result type (RFC 8460 section 4.3), in lower case.
using Failures = std::map<std::string, std::uint64_t>;

// The sessions of one reporter on one day, with one domain. Counts are at most max_count (base/saturated.h).
struct DeliveryReport {
  Day day;
  std::string reporter;  // as it calls itself
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  Failures
      failures;  // may be fewer or more than `failed`: details are optional, and a session may fail in several ways

  bool operator==(const DeliveryReport&) const = default;
};

// All sessions of a domain.
struct DeliverySums {
  std::size_t reporters = 0;
  // Reporters of which more than one session in a hundred failed because of the domain's mail servers.
  std::size_t doubting = 0;
  std::uint64_t sessions = 0;
  std::uint64_t failed = 0;
  Failures failures;
};

DeliverySums add_up(std::span<const DeliveryReport> reports);

// Adds the counts of another report of the same reporter and day.
void add(DeliveryReport& report, const DeliveryReport& more);

// Whether a failure of this type lies in the policy or in its DNS records, not in the mail servers (RFC 8460 section
// 4.3.2): a list does without these.
bool is_policy_failure(std::string_view result_type);

// "1204 sessions, 12 failed (certificate-expired 12)"
std::string to_text(const DeliveryReport& report);
// "2 reporters: 1204 sessions, 12 failed (certificate-expired 12)"; "" where there are no reporters.
std::string to_text(const DeliverySums& sums);

}  // namespace starttls::listing
