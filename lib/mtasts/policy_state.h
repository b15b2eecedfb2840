// What is known of one policy domain's MTA-STS, and how it changes with what the DNS and the policy host say:
// the rules of RFC 8461 sections 3.3, 5.1 and 10.2, without any input or output of their own.
//
//   record (DNS) -> after_record() -> fetch, where must_fetch() says so -> after_fetch() -> Cache
//
// A policy lives for its max_age, counted from the last fetch that brought it, whatever becomes of the DNS
// record, the policy host or the record's id meanwhile. Only another fetched policy replaces it.
//
// A max_age of 0 is a policy that is over once it is fetched: it ends the one before it, and is not fetched
// anew for min_back_off.
//
// The clock may be set back. A policy that was fetched in the future, by more than clock_tolerance, counts as
// fetched now and is due at once, so that it lives no longer than its max_age from the moment somebody looks.
// It is not dropped: the wrong time may well be the present one (a host that has not asked for the time yet),
// and mail would go out unprotected meanwhile.
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
// After a failed fetch the next is due no earlier (section 3.3), and later with every further failure. Nor is
// a policy fetched anew any earlier.
inline constexpr std::chrono::minutes min_back_off{5};
inline constexpr std::chrono::hours max_back_off{1};

// No re-check is put off for longer; what is due later was put down by a wrong clock.
inline constexpr std::chrono::hours max_interval{27};

// Clocks of hosts and of their past that differ by no more are taken for the same.
inline constexpr std::chrono::minutes clock_tolerance{5};

// The result types of RFC 8460 section 4.3.2 for a policy that there ought to be.
enum class FailureType {
  fetch_error,     // it could not be retrieved
  invalid,         // what was retrieved is no valid policy
  webpki_invalid,  // the policy host's certificate is not valid
};
// "sts-policy-fetch-error", ...
std::string_view to_string(FailureType type);

struct Failure {
  FailureType type = FailureType::fetch_error;
  std::string reason;       // a sentence fit for a terminal
  std::string id;           // of the record that led to the last fetch
  Time since;               // when the first of this row of failures was
  Time last;                // when the last was
  std::uint32_t count = 0;  // without a success between them

  bool operator==(const Failure&) const = default;
};

struct FetchedPolicy {
  Policy policy;
  std::string text;  // as served
  std::string id;    // of the record that led to the fetch
  Time fetched;

  Time expires() const { return fetched + policy.max_age; }
};

struct PolicyState {
  std::optional<FetchedPolicy> policy;  // also one that has expired; see live()
  std::optional<Failure> failure;       // since the last success
  Time next_fetch;                      // not fetched before, unless a new id is published

  // The policy, as long as it lives.
  const FetchedPolicy* valid(Time now) const;
  // Whether there is anything to be known of the domain.
  bool empty() const { return !policy && !failure; }
};

// Bytes on the heap.
std::size_t heap_size(const PolicyState& policy_state);

// What the DNS said about _mta-sts.DOMAIN.
struct RecordState {
  enum class Kind {
    record,
    none,
    unknown
  } kind = Kind::unknown;  // none: no, more than one, or an invalid one
  std::string id;
};

// What is known once the DNS has answered. Where there is no record, a policy that lives is all that is left.
// A policy whose re-check is due, but has no record to go by, is to be looked at again after a while.
PolicyState after_record(PolicyState before, const DomainName& domain, const RecordState& record, Time now);

// Whether the policy is to be fetched now: only where there is a record; never within min_back_off of a
// failure (section 3.3 asks that of one id; here it holds for any, so that a record that changes all the time
// does not cost the policy host more); then at once where the id is new, else when it is due.
bool must_fetch(const PolicyState& policy_state, const RecordState& record, Time now);

// What the policy host brought.
struct FetchOutcome {
  std::optional<Policy> policy;
  std::string text;
  FailureType failure = FailureType::fetch_error;  // where there is no policy
  std::string reason;                              // likewise
};

// What is known after a fetch. `domain` spreads the times of the next fetch by a tenth, so that domains that
// were met together are not fetched together for ever.
PolicyState after_fetch(PolicyState before, const DomainName& domain, const std::string& id,
                        FetchOutcome outcome, Time now);

// What is to be kept where others keep what they learn, too: `learnt` from what was known `before`, beside
// what is `kept` by now. A policy that somebody fetched meanwhile, or that could not be read before, is not
// given up for an older one, or for none.
PolicyState merge(PolicyState learnt, const PolicyState& before, const PolicyState& kept);

}  // namespace starttls::mtasts
