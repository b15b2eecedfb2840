#include "report/outbound_report.h"

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

}  // namespace

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
  const auto all = std::exchange(by_record_, {});
  for (const auto& [record, policies] : all) {
    OutboundReport report = make(record, policies);
    if (all.size() > 1) {
      report.unique_id = id_of(record);
      report.report.head.report_id = report.unique_id + "." + report.report.head.report_id;
    }
    TRY(take_(std::move(report)));
  }
  return {};
}

OutboundReport OutboundReportMaker::make(const std::string& record, const Policies& policies) const {
  OutboundReport made{.domain = domain_,
                      .record = record,
                      .report = {.head = {.organization_name = reporter_.organization,
                                          .begin = Time{day_},
                                          .end = Time{day_} + std::chrono::days{1} - std::chrono::seconds{1},
                                          .contact_info = reporter_.contact,
                                          .report_id = fmt::format("{}.{}.outbound@{}", domain_,
                                                                   to_string(day_), reporter_.host)}}};
  for (const auto& [policy, count] : policies) {
    if (policy.policy_type.empty()) made.has_unknown_policy = true;
    made.successful += count.successful;
    made.failed += count.failed;
    made.report.policies.push_back(policy_result(policy, count));
  }
  return made;
}

}  // namespace starttls::report
