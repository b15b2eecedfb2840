#include "report/outbound_export.h"

#include "tlsrpt/explanation.h"

namespace starttls::report {
namespace {

// A result type that is not in RFC 8460 section 4.3 may be any text.
std::string known_result_type(const std::string& type) {
  return tlsrpt::is_known_result_type(type) ? type : "validation-failure";
}

}  // namespace

void OutboundExport::add(const outbound::PolicyOfDay& of, const outbound::PolicyCount& count) {
  const std::string& type = of.policy.policy_type;
  const bool is_known = type == "sts" || type == "tlsa";
  Sessions& sessions = domains_[{of.policy.domain, is_known ? type : "no-policy-found"}];
  sessions.successful += count.successful;
  sessions.failed += count.failed;
  for (const auto& [failure, failed] : count.failures)
    sessions.failures[known_result_type(failure.result_type)] += failed;
}

tlsrpt::Report OutboundExport::take() && {
  tlsrpt::Report report{
      .head = {.organization_name = reporter_.organization,
               .begin = Time{day_},
               .end = Time{day_} + std::chrono::days{1} - std::chrono::seconds{1},
               .contact_info = reporter_.contact,
               .report_id = fmt::format("{}.outbound-export@{}", to_string(day_), reporter_.host)}};
  report.policies.reserve(domains_.size());
  for (const auto& [key, sessions] : domains_) {
    tlsrpt::PolicyResult policy{.policy_type = key.second,
                                .policy_domain = key.first,
                                .successful_sessions = sessions.successful,
                                .failed_sessions = sessions.failed};
    for (const auto& [type, failed] : sessions.failures)
      policy.failure_details.push_back({.result_type = type, .failed_session_count = failed});
    report.policies.push_back(std::move(policy));
  }
  return report;
}

}  // namespace starttls::report
