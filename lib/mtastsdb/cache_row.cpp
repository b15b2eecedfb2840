#include "mtastsdb/cache_row.h"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include "base/text.h"
#include "mtasts/record.h"

namespace starttls::mtastsdb {
namespace {

// The last second that RFC 3339 can express, as milliseconds.
constexpr std::int64_t latest =
    std::chrono::milliseconds{std::chrono::sys_days{std::chrono::year{10'000} / 1 / 1}.time_since_epoch()}
        .count() -
    1;

std::optional<Time> time_of(std::int64_t milliseconds) {
  if (milliseconds < 0 || milliseconds > latest) return std::nullopt;
  return Time{std::chrono::milliseconds{milliseconds}};
}

std::int64_t number_of(Time time) {
  return time.time_since_epoch().count();
}

// Reasons may hold text that printable() has escaped already, so it must not escape them again.
bool is_fit_to_be_shown(std::string reason) {
  std::ranges::replace(reason, '\\', '/');
  return reason.size() <= max_reason_length && printable(reason, max_reason_length) == reason;
}

std::optional<DomainName> domain_of(const std::string& text) {
  auto domain = DomainName::parse(text);
  if (!domain || domain->str() != text) return std::nullopt;
  return std::move(*domain);
}

std::optional<mtasts::FetchedPolicy> policy_of(const PolicyColumns& columns) {
  const auto fetched = time_of(columns.fetched);
  if (!fetched || !mtasts::is_record_id(columns.id)) return std::nullopt;
  auto reading = mtasts::read_policy(columns.text);
  if (!reading.policy) return std::nullopt;
  return mtasts::FetchedPolicy{
      .policy = std::move(*reading.policy), .text = columns.text, .id = columns.id, .fetched = *fetched};
}

std::optional<mtasts::Failure> failure_of(const FailureColumns& columns) {
  const auto type = mtasts::find_failure_type(columns.type);
  const auto since = time_of(columns.since);
  const auto last = time_of(columns.last);
  const bool countable = columns.count > 0 && columns.count <= std::numeric_limits<std::uint32_t>::max();
  if (!type || !since || !last || *since > *last || !countable) return std::nullopt;
  if (!mtasts::is_record_id(columns.id) || !is_fit_to_be_shown(columns.reason)) return std::nullopt;
  return mtasts::Failure{.type = *type,
                         .reason = columns.reason,
                         .id = columns.id,
                         .since = *since,
                         .last = *last,
                         .count = static_cast<std::uint32_t>(columns.count)};
}

FailureColumns columns_of(const mtasts::Failure& failure) {
  return {.type = std::string(to_string(failure.type)),
          .reason = is_fit_to_be_shown(failure.reason) ? failure.reason
                                                       : printable(failure.reason, max_reason_length - 20),
          .id = failure.id,
          .since = number_of(failure.since),
          .last = number_of(failure.last),
          .count = failure.count};
}

}  // namespace

std::optional<CacheEntry> to_entry(const CacheRow& row) {
  auto domain = domain_of(row.domain);
  const auto next_fetch = time_of(row.next_fetch);
  if (!domain || !next_fetch || (!row.policy && !row.failure)) return std::nullopt;
  auto policy = row.policy ? policy_of(*row.policy) : std::nullopt;
  auto failure = row.failure ? failure_of(*row.failure) : std::nullopt;
  if (row.policy.has_value() != policy.has_value()) return std::nullopt;
  if (row.failure.has_value() != failure.has_value()) return std::nullopt;
  return CacheEntry{
      .domain = std::move(*domain),
      .policy_state = {
          .policy = std::move(policy), .failure = std::move(failure), .next_fetch = *next_fetch}};
}

CacheRow to_row(const CacheEntry& entry) {
  CacheRow row{.domain = entry.domain.str(), .next_fetch = number_of(entry.policy_state.next_fetch)};
  if (const auto& policy = entry.policy_state.policy) {
    row.policy = {.text = policy->text, .id = policy->id, .fetched = number_of(policy->fetched)};
  }
  if (const auto& failure = entry.policy_state.failure) row.failure = columns_of(*failure);
  return row;
}

std::string mta_view(const mtasts::Policy& policy) {
  std::string told{to_string(policy.mode)};
  for (const mtasts::MxPattern& pattern : policy.mx) told += ' ' + pattern.str();
  return told;
}

}  // namespace starttls::mtastsdb
