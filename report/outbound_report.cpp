#include "report/outbound_report.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/try.h"
#include "store/row_key.h"

namespace starttls::report {
namespace {

// Letters and digits that tell the records of a domain apart, the same whenever the report is made.
std::string id_of(const std::string& record) {
  constexpr std::size_t size = 8;
  return store::row_key({record}).substr(0, size);
}

tlsrpt::FailureDetail detail_of(const outbound::Failure& failure, std::uint64_t sessions) {
  return {.result_type = failure.result_type.empty() ? "validation-failure" : failure.result_type,
          .sending_mta_ip = failure.sending_mta_ip,
          .receiving_mx_hostname = failure.receiving_mx_hostname,
          .receiving_mx_helo = failure.receiving_mx_helo,
          .receiving_ip = failure.receiving_ip,
          .failed_session_count = sessions,
          .additional_information = failure.additional_information,
          .failure_reason_code = failure.failure_reason_code};
}

bool is_same_policy(const tlsrpt::PolicyResult& a, const tlsrpt::PolicyResult& b) {
  return std::tie(a.policy_type, a.policy_domain, a.policy_strings, a.mx_hosts) ==
         std::tie(b.policy_type, b.policy_domain, b.policy_strings, b.mx_hosts);
}

auto content_of(const tlsrpt::FailureDetail& one) {
  return std::tie(one.result_type, one.sending_mta_ip, one.receiving_mx_hostname, one.receiving_mx_helo,
                  one.receiving_ip, one.additional_information, one.failure_reason_code);
}

// Failures with the same content are one (RFC 8460 section 4.3).
void join(tlsrpt::PolicyResult& to, const tlsrpt::PolicyResult& more) {
  to.successful_sessions += more.successful_sessions;
  to.failed_sessions += more.failed_sessions;
  for (const tlsrpt::FailureDetail& one : more.failure_details) {
    const auto same = std::ranges::find_if(to.failure_details, [&](const tlsrpt::FailureDetail& other) {
      return content_of(other) == content_of(one);
    });
    if (same == to.failure_details.end()) {
      to.failure_details.push_back(one);
    } else {
      same->failed_session_count += one.failed_session_count;
    }
  }
}

}  // namespace

void set_policy(OutboundReport& report, const PublishedPolicy& published) {
  auto& policies = report.report.policies;
  for (const std::size_t at : std::exchange(report.unknown_policies, {})) {
    policies[at].policy_type = published.type;
    policies[at].policy_strings = published.strings;
    policies[at].mx_hosts = published.mx_hosts;
  }
  std::vector<tlsrpt::PolicyResult> joined;
  for (tlsrpt::PolicyResult& policy : policies) {
    const auto same = std::ranges::find_if(
        joined, [&](const tlsrpt::PolicyResult& other) { return is_same_policy(other, policy); });
    if (same == joined.end()) {
      joined.push_back(std::move(policy));
    } else {
      join(*same, policy);
    }
  }
  policies = std::move(joined);
}

tlsrpt::PolicyResult policy_result(const outbound::Policy& policy, const outbound::PolicyCount& count) {
  tlsrpt::PolicyResult result{
      .policy_strings = policy.policy_strings,
      .policy_domain = policy.policy_domain.empty() ? policy.domain : policy.policy_domain,
      .mx_hosts = policy.mx_hosts,
      .successful_sessions = count.successful,
      .failed_sessions = count.failed};
  if (!policy.policy_type.empty()) result.policy_type = policy.policy_type;
  for (const auto& [failure, sessions] : count.failures)
    result.failure_details.push_back(detail_of(failure, sessions));
  return result;
}

OutboundReportMaker::OutboundReportMaker(Day day, Reporter reporter, Take take)
    : day_(day), reporter_(std::move(reporter)), take_(std::move(take)) {}

Result<void> OutboundReportMaker::add(const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) {
  if (of.policy.domain != domain_) {
    TRY(finish());
    domain_ = of.policy.domain;
  }
  outbound::Policy policy = of.policy;
  // Whoever gave the result, and under which record, is the same policy of a report.
  policy.source = {};
  policy.record.clear();
  by_record_[of.policy.record][std::move(policy)] += count;
  return {};
}

Result<void> OutboundReportMaker::finish() {
  auto all = std::exchange(by_record_, {});
  if (all.size() == 2 && all.begin()->first.empty()) {
    for (const auto& [policy, count] : all.begin()->second) all.rbegin()->second[policy] += count;
    all.erase(all.begin());
  }
  std::uint64_t sessions = 0;
  for (const auto& [record, policies] : all) {
    for (const auto& [policy, count] : policies) sessions += count.successful + count.failed;
  }
  for (const auto& [record, policies] : all) {
    OutboundReport report = make(record, policies);
    report.sessions_of_domain = sessions;
    if (all.size() > 1) report.unique_id = id_of(record);
    TRY(take_(std::move(report)));
  }
  return {};
}

OutboundReport OutboundReportMaker::make(const std::string& record, const Policies& policies) const {
  OutboundReport made{
      .domain = domain_,
      .record = record,
      .report = {.head = {.organization_name = reporter_.organization,
                          .begin = Time{day_},
                          .end = Time{day_} + std::chrono::days{1} - std::chrono::seconds{1},
                          .contact_info = reporter_.contact,
                          // The same also when results under another record arrive late.
                          .report_id = fmt::format("{}.{}.{}.outbound@{}", id_of(record), domain_,
                                                   to_string(day_), reporter_.host)}}};
  for (const auto& [policy, count] : policies) {
    if (policy.policy_type.empty()) made.unknown_policies.push_back(made.report.policies.size());
    made.successful += count.successful;
    made.failed += count.failed;
    made.report.policies.push_back(policy_result(policy, count));
  }
  return made;
}

}  // namespace starttls::report
