#include "outbound/counts.h"

#include <utility>
#include <variant>

#include "store/log_position.h"

namespace starttls::outbound {
namespace {

Policy policy_of(const tlsrpt::HandshakeResult& result, const tlsrpt::PolicyResult& policy, Source source) {
  return {.domain = result.domain,
          .record = result.record,
          .source = source,
          .policy_type = policy.policy_type,
          .policy_domain = policy.policy_domain,
          .policy_strings = policy.policy_strings,
          .mx_hosts = policy.mx_hosts};
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

void add(DailyCounts& counts, Day day, Source source, const tlsrpt::HandshakeResult& result,
         std::uint64_t times) {
  for (const tlsrpt::PolicyResult& policy : result.policies) {
    PolicyCount& count = counts[{.policy = policy_of(result, policy, source), .day = day}];
    count.successful += policy.successful_sessions * times;
    count.failed += policy.failed_sessions * times;
    for (const tlsrpt::FailureDetail& detail : policy.failure_details)
      add(count.failures, failure_of(detail), detail.failed_session_count * times);
  }
}

bool SegmentContent::add(std::string_view payload) {
  const auto record = decode(payload);
  if (!record) return false;
  if (const auto* result = std::get_if<ReceivedResult>(&*record)) {
    add({.day = to_day(result->received), .source = Source::datagram, .datagram = result->datagram});
    return true;
  }
  const auto& logged = std::get<LoggedResults>(*record);
  for (const std::string& datagram : logged.datagrams)
    add({.day = to_day(logged.read), .source = Source::log, .datagram = datagram});
  position_ = store::further(std::move(position_), position_of(*record));
  return true;
}

void SegmentContent::add(const KeyView& key) {
  if (const auto found = times_.find(key); found != times_.end()) {
    ++found->second;
  } else {
    times_.emplace(Key{.day = key.day, .source = key.source, .datagram = std::string(key.datagram)}, 1);
  }
}

SegmentContent::Counted SegmentContent::take() {
  Counted counted;
  counted.position = std::exchange(position_, {});
  while (!times_.empty()) {
    const auto taken = times_.extract(times_.begin());
    const auto result = tlsrpt::read_datagram(taken.key().datagram);
    DayTotal& total = counted.days[taken.key().day];
    if (result) {
      outbound::add(counted.counts, taken.key().day, taken.key().source, *result, taken.mapped());
      total.results += taken.mapped();
    } else {
      total.malformed += taken.mapped();
      counted.malformed_reason = result.error().message;
    }
  }
  return counted;
}

}  // namespace starttls::outbound
