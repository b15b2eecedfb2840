#include "mtasts/policy_state.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "base/enum_words.h"
#include "base/memory.h"

namespace starttls::mtasts {

using starttls::heap_size;

namespace {

constexpr auto failure_words = enum_words<FailureType>({{FailureType::fetch_error, "sts-policy-fetch-error"},
                                                        {FailureType::invalid, "sts-policy-invalid"},
                                                        {FailureType::webpki_invalid, "sts-webpki-invalid"}});

using std::chrono::milliseconds;

// A number from 0 to 1. FNV-1a, since std::hash may differ between builds.
double share_of(const DomainName& domain) {
  std::uint64_t hash = 14'695'981'039'346'656'037U;
  for (const char c : domain.str()) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211U;
  }
  return static_cast<double>(hash >> 32U) / static_cast<double>(std::numeric_limits<std::uint32_t>::max());
}

// 0.9 to 1.1 of the time, always the same for the same domain, and never less than min_back_off.
milliseconds spread(milliseconds time, const DomainName& domain) {
  const double spread = static_cast<double>(time.count()) * (0.9 + 0.2 * share_of(domain));
  return std::max<milliseconds>(milliseconds{static_cast<std::int64_t>(spread)}, min_back_off);
}

milliseconds refresh_interval(const Policy& policy, const DomainName& domain) {
  return spread(std::min<milliseconds>(refresh_after, policy.max_age / 2), domain);
}

milliseconds back_off(std::uint32_t failures, const DomainName& domain) {
  const std::uint32_t doublings = std::min<std::uint32_t>(failures - 1, 10);
  const milliseconds time = min_back_off * (std::int64_t{1} << doublings);
  return spread(std::min<milliseconds>(time, max_back_off), domain);
}

// A time in the future was written with another clock. How long ago that was is unknown.
void correct_clock_skew(PolicyState& policy_state, Time now) {
  const Time believable = now + clock_tolerance;
  bool by_another_clock = policy_state.next_fetch > now + max_interval;
  if (policy_state.policy && policy_state.policy->fetched > believable) {
    policy_state.policy->fetched = now;
    by_another_clock = true;
  }
  if (policy_state.failure && policy_state.failure->last > believable) {
    policy_state.failure->last = now - min_back_off;
    policy_state.failure->since = std::min(policy_state.failure->since, policy_state.failure->last);
    by_another_clock = true;
  }
  if (by_another_clock) policy_state.next_fetch = now;
}

// Without a valid policy there is no reason to wait for the next refresh.
bool is_due(const PolicyState& policy_state, Time now) {
  if (now >= policy_state.next_fetch) return true;
  return !policy_state.failure && !policy_state.valid(now) &&
         (!policy_state.policy || now >= policy_state.policy->fetched + min_back_off);
}

bool is_new(const std::string& id, const PolicyState& policy_state) {
  return (!policy_state.policy || policy_state.policy->id != id) &&
         (!policy_state.failure || policy_state.failure->id != id);
}

}  // namespace

std::string_view to_string(FailureType type) {
  return failure_words.word(type);
}

std::optional<FailureType> find_failure_type(std::string_view word) {
  return failure_words.find(word);
}

std::size_t heap_size(const PolicyState& policy_state) {
  std::size_t size = 0;
  if (const auto& policy = policy_state.policy) {
    size += heap_size(policy->text) + heap_size(policy->id) + heap_size(policy->policy.mx);
  }
  if (const auto& failure = policy_state.failure) size += heap_size(failure->reason) + heap_size(failure->id);
  return size;
}

const FetchedPolicy* PolicyState::valid(Time now) const {
  if (!policy) return nullptr;
  // RFC 8461 section 3.2: max_age counts from the fetch.
  const bool lives = now < std::min(policy->fetched, now) + policy->policy.max_age;
  return lives ? &*policy : nullptr;
}

PolicyState after_record(PolicyState before, const DomainName& domain, const RecordState& record, Time now) {
  correct_clock_skew(before, now);
  if (record.kind == RecordState::Kind::record) return before;
  const bool lives = before.valid(now) != nullptr;
  if (record.kind == RecordState::Kind::none) {
    if (!lives) before.policy.reset();
    // The record may come back soon. Then the policy host must not be asked earlier because of that.
    if (before.failure && now >= before.failure->last + max_back_off) before.failure.reset();
  }
  if (lives && now >= before.next_fetch) {
    const milliseconds pause =
        record.kind == RecordState::Kind::none ? milliseconds{max_back_off} : min_back_off;
    before.next_fetch = now + spread(pause, domain);
  }
  return before;
}

bool must_fetch(const PolicyState& policy_state, const RecordState& record, Time now) {
  if (record.kind != RecordState::Kind::record) return false;
  // RFC 8461 section 3.3: no more than one fetch in five minutes after a failure.
  if (policy_state.failure && now < policy_state.failure->last + min_back_off) return false;
  return is_new(record.id, policy_state) || is_due(policy_state, now);
}

// RFC 8461 section 5.1: a failed fetch does not end a valid policy.
PolicyState after_fetch(PolicyState before, const DomainName& domain, const std::string& id,
                        FetchOutcome outcome, Time now) {
  correct_clock_skew(before, now);
  if (outcome.policy) {
    const milliseconds interval = refresh_interval(*outcome.policy, domain);
    return {.policy = FetchedPolicy{.policy = std::move(*outcome.policy),
                                    .text = std::move(outcome.text),
                                    .id = id,
                                    .fetched = now},
            .failure = {},
            .next_fetch = now + interval};
  }
  const Time since = before.failure ? before.failure->since : now;
  const std::uint32_t count = before.failure ? std::min(before.failure->count, 1'000'000U) + 1 : 1;
  before.failure = Failure{.type = outcome.failure,
                           .reason = std::move(outcome.reason),
                           .id = id,
                           .since = since,
                           .last = now,
                           .count = count};
  before.next_fetch = now + back_off(count, domain);
  return before;
}

PolicyState merge(PolicyState learnt, const PolicyState& before, const PolicyState& kept) {
  if (!kept.policy) return learnt;
  // The policy may have been fetched with another clock. `learnt` derives from this policy.
  if (before.policy && before.policy->fetched == kept.policy->fetched) return learnt;
  if (learnt.policy && learnt.policy->fetched >= kept.policy->fetched) return learnt;
  const bool fails_since = learnt.failure && learnt.failure->last >= kept.policy->fetched;
  if (!fails_since) return kept;
  learnt.policy = kept.policy;
  return learnt;
}

}  // namespace starttls::mtasts
