#include "outbound/counts.h"

#include <utility>
#include <variant>

#include "outbound/columns.h"
#include "store/log_position.h"

namespace starttls::outbound {
namespace {

PolicyTexts texts_of(const tlsrpt::HandshakeResult& result, const tlsrpt::PolicyResult& policy,
                     Source source) {
  return {.domain = result.domain,
          .record = result.record,
          .source = source,
          .policy_type = policy.policy_type,
          .policy_domain = policy.policy_domain,
          .policy_strings = to_lines(policy.policy_strings),
          .mx_hosts = to_lines(policy.mx_hosts)};
}

Failure failure_of(const tlsrpt::FailureDetail& detail) {
  return {.result_type = detail.result_type,
          .sending_mta_ip = detail.sending_mta_ip,
          .receiving_mx_hostname = detail.receiving_mx_hostname,
          .receiving_mx_helo = detail.receiving_mx_helo,
          .receiving_ip = detail.receiving_ip,
          .additional_information = detail.additional_information,
          .failure_reason_code = detail.failure_reason_code};
}

bool is_one_success(const tlsrpt::HandshakeResult& result) {
  if (result.policies.size() != 1) return false;
  const tlsrpt::PolicyResult& policy = result.policies.front();
  return policy.successful_sessions == 1 && policy.failed_sessions == 0 && policy.failure_details.empty();
}

}  // namespace

PolicyCount& PolicyCount::operator+=(const PolicyCount& other) {
  successful += other.successful;
  failed += other.failed;
  for (const auto& [failure, sessions] : other.failures) add(failures, failure, sessions);
  return *this;
}

DayTotal& DayTotal::operator+=(const DayTotal& other) {
  results += other.results;
  malformed += other.malformed;
  left_out += other.left_out;
  return *this;
}

void add(std::map<Failure, std::uint64_t>& failures, Failure failure, std::uint64_t sessions) {
  if (failures.size() >= max_failures_of_policy && !failures.contains(failure)) {
    failure = {.result_type = std::move(failure.result_type),
               .receiving_mx_hostname = std::move(failure.receiving_mx_hostname)};
    if (failures.size() >= 2 * max_failures_of_policy && !failures.contains(failure))
      failure = {.result_type = std::move(failure.result_type)};
    // Result types can be any text, too.
    if (failures.size() >= 3 * max_failures_of_policy && !failures.contains(failure)) failure = {};
  }
  failures[std::move(failure)] += sessions;
}

DailyCounts daily_counts(const AddedPolicies& policies) {
  DailyCounts counts;
  for (const auto& [id, added] : policies)
    counts[{.policy = policy_of(added.texts), .day = id.day}] += added.count;
  return counts;
}

bool SegmentContent::add(std::string_view payload) {
  const auto record = decode(payload);
  if (!record) return false;
  if (const auto* result = std::get_if<ReceivedResult>(&*record)) {
    add(to_day(result->received), Source::datagram, result->datagram);
    return true;
  }
  const auto& logged = std::get<LoggedResults>(*record);
  for (const std::string& datagram : logged.datagrams) add(to_day(logged.read), Source::log, datagram);
  position_ = store::further(std::move(position_), position_of(*record));
  return true;
}

void SegmentContent::add(Day day, Source source, std::string_view datagram) {
  const DatagramHash hash = hash_of(source, datagram);
  if (known_ != nullptr && known_->count(day, hash)) return;
  Seen& seen = seen_[{.day = day, .hash = hash}];
  if (seen.times++ > 0) return;
  seen.source = source;
  seen.datagram = datagram;
  size_ += datagram.size();
}

SegmentContent::Counted SegmentContent::take() {
  Counted counted;
  counted.position = std::exchange(position_, {});
  size_ = 0;
  if (known_ != nullptr) counted.known = known_->take_counts();
  for (const KnownCount& known : counted.known) counted.days[known.policy.day].results += known.successful;
  while (!seen_.empty()) {
    const auto taken = seen_.extract(seen_.begin());
    read(taken.key(), taken.mapped(), counted);
  }
  return counted;
}

void SegmentContent::read(const Key& key, const Seen& seen, Counted& counted) const {
  const auto result = tlsrpt::read_datagram(seen.datagram);
  DayTotal& total = counted.days[key.day];
  if (!result) {
    total.malformed += seen.times;
    counted.malformed_reason = result.error().message;
    return;
  }
  total.results += seen.times;
  for (const tlsrpt::PolicyResult& policy : result->policies) {
    PolicyTexts texts = texts_of(*result, policy, seen.source);
    const PolicyId id{.day = key.day, .digest = digest_of(texts)};
    const auto [added, is_new] = counted.policies.try_emplace(id);
    if (is_new) added->second.texts = std::move(texts);
    PolicyCount& count = added->second.count;
    count.successful += policy.successful_sessions * seen.times;
    count.failed += policy.failed_sessions * seen.times;
    for (const tlsrpt::FailureDetail& detail : policy.failure_details)
      outbound::add(count.failures, failure_of(detail), detail.failed_session_count * seen.times);
    if (known_ != nullptr && is_one_success(*result))
      counted.successes.push_back({.hash = key.hash, .policy = id});
  }
}

}  // namespace starttls::outbound
