// The state of one policy domain's MTA-STS, and how it changes with the answers of the DNS and the policy
// host: the rules of RFC 8461 sections 3.3, 5.1 and 10.2. Pure: no input or output.
//
//   record (DNS) -> after_record() -> fetch, if must_fetch() -> after_fetch() -> Cache
//
// A policy is valid for its max_age, counted from the last fetch that returned it, whatever happens to the
// DNS record, the policy host or the record's id meanwhile. Only another fetched policy replaces it.
//
// A policy with a max_age of 0 expires when it is fetched: it ends the one before it, and is not fetched
// again for min_back_off.
//
// The clock may be set back. A policy that was fetched in the future, by more than clock_tolerance, counts as
// fetched now and is due at once, so that it is valid for no longer than its max_age from now. It is not
// dropped: the present time may be the wrong one (a host that has not synchronised its clock yet), and mail
// would be unprotected meanwhile.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/domain.h"
#include "mtasts/policy.h"

namespace starttls::mtasts {

// A policy in use is fetched again after this, or after half of its max_age where that is less.
inline constexpr std::chrono::hours refresh_after{24};
// After a failed fetch the next is due no earlier (RFC 8461 section 3.3), and later with each further
// failure. A policy is not fetched again any earlier either.
inline constexpr std::chrono::minutes min_back_off{5};
inline constexpr std::chrono::hours max_back_off{1};

// The longest time to the next fetch. A later one was stored by a wrong clock.
inline constexpr std::chrono::hours max_interval{27};

// Differences between clocks up to this are ignored.
inline constexpr std::chrono::minutes clock_tolerance{5};

// The result types of RFC 8460 section 4.3.2 for a policy that could not be obtained.
enum class FailureType {
  fetch_error,     // it could not be retrieved
  invalid,         // what was retrieved is no valid policy
  webpki_invalid,  // the policy host's certificate is not valid
};
// "sts-policy-fetch-error", ...
std::string_view to_string(FailureType type);
std::optional<FailureType> find_failure_type(std::string_view word);

struct Failure {
  FailureType type = FailureType::fetch_error;
  std::string reason;       // a sentence fit for a terminal
  std::string id;           // of the record that led to the last fetch
  Time since;               // of the first failure since the last success
  Time last;                // of the last failure
  std::uint32_t count = 0;  // since the last success

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
  std::optional<FetchedPolicy> policy;  // may have expired; see valid()
  std::optional<Failure> failure;       // since the last success
  Time next_fetch;                      // no earlier, unless a new id is published

  // The policy, unless it has expired; else null.
  const FetchedPolicy* valid(Time now) const;
  // Whether there is neither a policy nor a failure.
  bool empty() const { return !policy && !failure; }
};

// Bytes on the heap.
std::size_t heap_size(const PolicyState& policy_state);

// The answer of the DNS for _mta-sts.DOMAIN.
struct RecordState {
  enum class Kind {
    record,
    none,  // no record, several records, or an invalid one
    unknown,
  } kind = Kind::unknown;
  std::string id;
};

// The state after an answer of the DNS. Without a record, only a valid policy is kept. A policy that is due
// for a fetch but has no record is checked again later.
PolicyState after_record(PolicyState before, const DomainName& domain, const RecordState& record, Time now);

// Whether to fetch the policy now: only where there is a record; never within min_back_off of a failure (RFC
// 8461 section 3.3 demands that for one id; here it holds for any, so that a record that changes all the time
// does not cost the policy host more); else at once where the id is new, or when it is due.
bool must_fetch(const PolicyState& policy_state, const RecordState& record, Time now);

// The result of a fetch from the policy host.
struct FetchOutcome {
  std::optional<Policy> policy;
  std::string text;
  FailureType failure = FailureType::fetch_error;  // where there is no policy
  std::string reason;                              // a sentence, where there is no policy
};

// The state after a fetch. The time of the next fetch varies by a tenth, by a hash of `domain`, so that
// domains that were looked up together are not fetched together for ever.
PolicyState after_fetch(PolicyState before, const DomainName& domain, const std::string& id,
                        FetchOutcome outcome, Time now);

// The state to store where other processes store theirs, too: `learnt` was derived from `before`, and
// `kept` is stored by now. A policy that another process fetched meanwhile, or that could not be read
// before, is not replaced by an older one or by none.
PolicyState merge(PolicyState learnt, const PolicyState& before, const PolicyState& kept);

}  // namespace starttls::mtasts
