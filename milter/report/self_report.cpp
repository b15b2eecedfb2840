#include "milter/report/self_report.h"

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

std::string report_id(const std::string& organization, Day day, const std::optional<std::string>& domain) {
  return to_text(day) + "-inbound-" + domain.value_or("all") + "@" + organization;
}

}  // namespace

tlsrpt::Report self_report(const DailyCounts& counts, Day day, const Reporter& reporter,
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
                        .report_id = report_id(reporter.organization, day, only_domain)};
  for (const auto& [domain, result] : domains) report.policies.push_back(policy_result(domain, result));
  return report;
}

}  // namespace starttls::milter
