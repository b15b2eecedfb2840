#include "report/self_report.h"

#include <fmt/chrono.h>

#include <chrono>
#include <map>
#include <utility>

#include "report/local_failures.h"

namespace starttls::report {
namespace {

using session::Outcome;
using store::DailyCounts;
using store::SessionClass;
using store::Tally;

using session::HandshakeFailure;

// The content of a failure detail; details with the same content are added up.
struct Failure {
  std::string result_type;  // RFC 8460 section 4.3
  std::string reason;
  std::string receiving_mx;
  std::string client_address;

  auto operator<=>(const Failure&) const = default;
};

// The element of a domain while figures are added to it.
struct DomainResult {
  std::uint64_t encrypted = 0;
  std::map<Failure, std::uint64_t> failures;
};

struct Meaning {
  std::string_view result_type;
  std::string reason;
};

// RFC 8460 section 4.3.1: what the sending side would report if the offer of STARTTLS was removed on the
// path.
Meaning meaning_of_plaintext(bool downgraded) {
  constexpr const char* type = "starttls-not-supported";
  if (downgraded) {
    return {
        type,
        "downgrade: the sending domain has used TLS before and now did not: STARTTLS may have been stripped"};
  }
  return {type, "plaintext: the sending MTA did not use STARTTLS"};
}

// RFC 8460 section 4.3.2: what the sending side would report for the failure.
Meaning meaning_of(HandshakeFailure failure) {
  return {.result_type = result_type(failure), .reason = failure_reason(failure)};
}

void add_failure(DomainResult& result, const SessionClass& session_class, const Meaning& meaning,
                 std::uint64_t sessions) {
  result.failures[{.result_type = std::string(meaning.result_type),
                   .reason = meaning.reason,
                   .receiving_mx = session_class.receiving_mx,
                   .client_address = session_class.client_address}] += sessions;
}

// The versions sort correctly as text: "TLSv1" < "TLSv1.1" < ...
bool is_below(const std::string& version, const std::string& least) {
  return !least.empty() && version < least;
}

void add_session(DomainResult& result, const SessionClass& session_class, const Tally& tally,
                 const Reporter& reporter) {
  if (session_class.outcome == Outcome::tls && is_below(session_class.tls_version, reporter.min_tls)) {
    std::string reason =
        fmt::format("old-tls: the session had {}, below {}, the minimum version of the domain",
                    session_class.tls_version, reporter.min_tls);
    add_failure(result, session_class, {.result_type = "validation-failure", .reason = std::move(reason)},
                tally.sessions);
  } else if (session_class.outcome == Outcome::tls) {
    result.encrypted += tally.sessions;
  }
  if (session_class.outcome == Outcome::plaintext)
    add_failure(result, session_class, meaning_of_plaintext(session_class.downgraded), tally.sessions);
}

tlsrpt::PolicyResult policy_result(const std::string& domain, const DomainResult& result) {
  tlsrpt::PolicyResult policy;
  policy.policy_domain = domain;
  policy.successful_sessions = result.encrypted;
  for (const auto& [failure, sessions] : result.failures) {
    policy.failed_sessions += sessions;
    policy.failure_details.push_back({.result_type = failure.result_type,
                                      .sending_mta_ip = failure.client_address,
                                      .receiving_mx_hostname = failure.receiving_mx,
                                      .failed_session_count = sessions,
                                      .failure_reason_code = failure.reason});
  }
  return policy;
}

using DomainResults = std::map<std::string, DomainResult>;

// The policy domain of a session without a recipient.
std::string failed_policy_domain(const SessionClass& failed, const DomainResults& with_mail,
                                 const Reporter& reporter) {
  if (!reporter.default_policy_domain.empty()) return reporter.default_policy_domain;
  return with_mail.size() == 1 ? with_mail.begin()->first : failed.receiving_mx;
}

DomainResults domain_results(const DailyCounts& counts, Day day, const Reporter& reporter) {
  DomainResults domains;
  for (const auto& [session_class, count] : counts) {
    if (session_class.day != day) continue;
    for (const auto& [domain, tally] : count.recipient_domains)
      add_session(domains[domain], session_class, tally, reporter);
  }
  const DomainResults with_mail = domains;
  for (const auto& [session_class, count] : counts) {
    if (session_class.day != day || session_class.outcome != Outcome::failed) continue;
    add_failure(domains[failed_policy_domain(session_class, with_mail, reporter)], session_class,
                meaning_of(session_class.failure), count.total.sessions);
  }
  return domains;
}

// A msg-id without angle brackets (RFC 8460 section 5.3).
std::string report_id(Day day, Time now, const Reporter& reporter) {
  const bool over = to_day(now) > day;
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  return fmt::format("{}{}.inbound@{}", to_string(day), over ? "" : fmt::format(".until-{:%H%M%S}", second),
                     reporter.host);
}

}  // namespace

tlsrpt::Report self_report(const DailyCounts& counts, Day day, Time now, const Reporter& reporter,
                           const std::optional<std::string>& only_domain) {
  tlsrpt::Report report{.head = {.organization_name = reporter.organization,
                                 .begin = Time{day},
                                 .end = Time{day} + std::chrono::days{1} - std::chrono::seconds{1},
                                 .contact_info = reporter.contact,
                                 .report_id = report_id(day, now, reporter)}};
  for (const auto& [domain, result] : domain_results(counts, day, reporter)) {
    if (!only_domain || domain == *only_domain) report.policies.push_back(policy_result(domain, result));
  }
  return report;
}

void set_policies(tlsrpt::Report& report, const PublishedPolicies& published) {
  for (tlsrpt::PolicyResult& policy : report.policies) {
    const auto found = published.find(policy.policy_domain);
    if (found == published.end()) continue;
    policy.policy_type = found->second.type;
    policy.policy_strings = found->second.strings;
    policy.mx_hosts = found->second.mx_hosts;
  }
}

tlsrpt::Report report_for(const tlsrpt::Report& all, const tlsrpt::PolicyResult& policy) {
  tlsrpt::Report report{.head = all.head, .policies = {policy}};
  report.head.report_id = policy.policy_domain + "." + all.head.report_id;
  return report;
}

}  // namespace starttls::report
