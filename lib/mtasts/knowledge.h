// What is known of one policy domain's MTA-STS, and how it changes with what the DNS and the policy host say:
// the rules of RFC 8461 sections 3.3, 5.1 and 10.2, without any input or output of their own.
//
//   record (DNS) -> after_record() -> fetch, where it says so -> after_fetch() -> Cache
//
// A policy lives for its max_age, counted from the last fetch that brought it, whatever becomes of the DNS
// record, the policy host or the record's id meanwhile. Only another fetched policy replaces it.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "mtasts/policy.h"

namespace starttls::mtasts {

// A policy that is in use is fetched anew after this, or after half of its max_age where that is less.
inline constexpr std::chrono::hours refresh_after{24};
// After a failed fetch the next is due no earlier (section 3.3), and later with every further failure.
inline constexpr std::chrono::minutes shortest_back_off{5};
inline constexpr std::chrono::hours longest_back_off{1};

// The result types of RFC 8460 section 4.3.2 for a policy that there ought to be.
enum class FailureType { fetch_error, invalid, webpki_invalid };
// "sts-policy-fetch-error", ...
std::string_view to_text(FailureType type);

struct Failure {
  FailureType type = FailureType::fetch_error;
  std::string reason;       // a sentence fit for a terminal
  Time since;               // when the first of this row of failures was
  Time last;                // when the last was
  std::uint32_t count = 0;  // without a success between them
};

struct FetchedPolicy {
  Policy policy;
  std::string text;  // as served
  std::string id;    // of the record that led to the fetch
  Time fetched;

  Time expires() const { return fetched + policy.max_age; }
};

struct Knowledge {
  std::optional<FetchedPolicy> policy;  // also one that has expired; see live()
  std::optional<Failure> failure;       // since the last success
  Time next_fetch;                      // not fetched before, unless a new id is published

  // The policy, as long as it lives.
  const FetchedPolicy* live(Time now) const;
};

// What the DNS said about _mta-sts.DOMAIN.
struct RecordState {
  enum class Kind { record, none, unknown } kind = Kind::unknown;  // none: no, more than one, or an invalid one
  std::string id;
};

// Whether the policy is to be fetched now.
bool must_fetch(const Knowledge& knowledge, const RecordState& record, Time now);

// What the policy host brought.
struct FetchOutcome {
  std::optional<Policy> policy;
  std::string text;
  FailureType failure = FailureType::fetch_error;  // where there is no policy
  std::string reason;
};

// What is known after a fetch. `domain` spreads the times of the next fetch, so that domains that were met
// together are not fetched together for ever.
Knowledge after_fetch(Knowledge before, const DomainName& domain, const std::string& id, FetchOutcome outcome,
                      Time now);

}  // namespace starttls::mtasts
