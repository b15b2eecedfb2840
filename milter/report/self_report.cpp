#include "milter/report/self_report.h"

#include <fmt/chrono.h>

#include <map>
#include <utility>

namespace starttls::milter {
namespace {

using store::ClassCount;
using store::DailyCounts;
using store::Outcome;
using store::SessionClass;
using store::Tally;

// A domain's element while it is added up; plaintext sessions by our MX host and the sender's address.
struct DomainResult {
  std::uint64_t encrypted = 0;
  std::map<std::pair<std::string, std::string>, std::uint64_t> plaintext;
};

void add_session(DomainResult& result, const SessionClass& of, const Tally& tally) {
  if (of.outcome == Outcome::tls) result.encrypted += tally.sessions;
  if (of.outcome == Outcome::plaintext)
    result.plaintext[{of.receiving_mx, of.client_address}] += tally.sessions;
}

// RFC 8460 section 4.3.1. The sending side would report the same session so when the offer of STARTTLS was
// stripped on the way.
tlsrpt::FailureDetail plaintext_detail(const std::string& mx, const std::string& address,
                                       std::uint64_t sessions) {
  return {.result_type = "starttls-not-supported",
          .sending_mta_ip = address,
          .receiving_mx_hostname = mx,
          .failed_session_count = sessions,
          .failure_reason_code = "plaintext: the sending MTA did not use STARTTLS"};
}

tlsrpt::PolicyResult policy_result(const std::string& domain, const DomainResult& result) {
  tlsrpt::PolicyResult policy;
  policy.policy_domain = domain;
  policy.successful_sessions = result.encrypted;
  for (const auto& [sender, sessions] : result.plaintext) {
    policy.failed_sessions += sessions;
    policy.failure_details.push_back(plaintext_detail(sender.first, sender.second, sessions));
  }
  return policy;
}

// A msg-id without angle brackets (RFC 8460 section 5.3).
std::string report_id(Day day, Time now, const Reporter& reporter) {
  const bool over = day_of(now) > day;
  return fmt::format("{}{}.inbound@{}", to_text(day), over ? "" : fmt::format(".until-{:%H%M%S}", now),
                     reporter.domain);
}

}  // namespace

tlsrpt::Report self_report(const DailyCounts& counts, Day day, Time now, const Reporter& reporter,
                           const std::optional<std::string>& only_domain) {
  std::map<std::string, DomainResult> domains;
  for (const auto& [of, count] : counts) {
    if (of.day != day) continue;
    for (const auto& [domain, tally] : count.recipient_domains) {
      if (!only_domain || domain == *only_domain) add_session(domains[domain], of, tally);
    }
  }
  tlsrpt::Report report{.organization_name = reporter.organization,
                        .begin = Time{day},
                        .end = Time{day} + std::chrono::days{1} - std::chrono::seconds{1},
                        .contact_info = reporter.contact,
                        .report_id = report_id(day, now, reporter)};
  for (const auto& [domain, result] : domains) report.policies.push_back(policy_result(domain, result));
  return report;
}

tlsrpt::Report report_for(const tlsrpt::Report& all, const tlsrpt::PolicyResult& policy) {
  tlsrpt::Report report = all;
  report.policies = {policy};
  report.report_id = policy.policy_domain + "." + all.report_id;
  return report;
}

}  // namespace starttls::milter
