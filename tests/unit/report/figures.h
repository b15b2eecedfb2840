// Figures for the tests of the report's conclusions: received reports and our own sessions.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "report/report_assembler.h"
#include "store/counts.h"
#include "support.h"

namespace starttls::report::test {

inline constexpr const char* our_domain = "example.test";

// Day 0 is 2026-11-01.
inline Day day(int number) {
  return starttls::test::good(parse_day("2026-11-01")) + std::chrono::days(number);
}

// One policy of a received report about our domain, by MTA-STS. Reports differ by their number.
struct ReportedFigures {
  std::int64_t report = 1;
  std::string reporter = "sender.test";
  int day = 0;
  std::uint64_t successful = 0;
  std::uint64_t failed = 0;
  std::string signer = {};  // "": the report is not authenticated
  std::string policy_type = "sts";
  std::string policy_domain = our_domain;
  std::vector<std::pair<std::string, std::uint64_t>> failures = {};  // result types with their sessions
  std::string failed_at = {};                                        // the MX host of all failures
};

inline tlsrptdb::ReportedPolicy reported(const ReportedFigures& figures) {
  tlsrptdb::ReportedPolicy one;
  one.report = figures.report;
  one.signer = figures.signer;
  one.head.organization_name = figures.reporter;
  one.head.begin = Time(day(figures.day));
  one.head.contact_info = "tls@" + figures.reporter;
  one.policy.policy_type = figures.policy_type;
  one.policy.policy_domain = figures.policy_domain;
  one.policy.successful_sessions = figures.successful;
  one.policy.failed_sessions = figures.failed;
  for (const auto& [result_type, sessions] : figures.failures) {
    tlsrpt::FailureDetail detail;
    detail.result_type = result_type;
    detail.failed_session_count = sessions;
    detail.receiving_mx_hostname = figures.failed_at;
    one.policy.failure_details.push_back(detail);
  }
  return one;
}

// Sessions of one kind at our MX host: with a recipient in our domain if they carried mail.
struct SeenFigures {
  int day = 0;
  session::Outcome outcome = session::Outcome::tls;
  std::uint64_t sessions = 1;
  std::string tls_version = "TLSv1.3";  // of Outcome::tls
  std::string client = "mail.sender.test";
  std::string mx_host = "mx1.example.test";
};

inline std::pair<store::SessionClass, store::ClassCount> seen(const SeenFigures& figures) {
  store::SessionClass sessions{.day = day(figures.day)};
  sessions.receiving_mx = figures.mx_host;
  sessions.client_name = figures.client;
  sessions.outcome = figures.outcome;
  if (figures.outcome == session::Outcome::tls) sessions.tls_version = figures.tls_version;
  store::ClassCount count;
  count.total.sessions = figures.sessions;
  const bool has_mail =
      figures.outcome == session::Outcome::tls || figures.outcome == session::Outcome::plaintext;
  if (has_mail) {
    count.total.messages = figures.sessions;
    count.recipient_domains[our_domain] = count.total;
  }
  return {sessions, count};
}

}  // namespace starttls::report::test
