// SMTP TLS reports (RFC 8460 section 4): their content, JSON form and file names.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "json/json_text.h"

namespace starttls::tlsrpt {

// One "failure-details" object (section 4.4). Empty texts are left out of the JSON.
struct FailureDetail {
  std::string result_type;  // "starttls-not-supported", ... (section 4.3)
  std::string sending_mta_ip;
  std::string receiving_mx_hostname;
  std::string receiving_mx_helo;
  std::string receiving_ip;
  std::uint64_t failed_session_count = 0;
  std::string additional_information;
  std::string failure_reason_code;
};

// One element of "policies": a policy of one policy domain, and the results of the sessions under it.
struct PolicyResult {
  std::string policy_type = "no-policy-found";  // or "sts", "tlsa"
  std::vector<std::string> policy_strings;
  std::string policy_domain;
  std::vector<std::string> mx_hosts;
  std::uint64_t successful_sessions = 0;
  std::uint64_t failed_sessions = 0;
  std::vector<FailureDetail> failure_details;
};

// A report without its policies.
struct ReportHead {
  std::string organization_name;
  Time begin;  // date-range, UTC
  Time end;
  std::string contact_info;
  std::string report_id;
};

struct Report {
  ReportHead head;
  std::vector<PolicyResult> policies;
};

// I-JSON (RFC 7493) as section 4.4 requires, indented, with a newline at the end. Texts must be valid UTF-8.
std::string to_json(const Report& report);

// The same as a value within other JSON.
void to_json(json::JsonText& json, const Report& report);

// The name of section 5.1: sender "!" policy-domain "!" begin "!" end ["!" unique-id] ".json" or ".json.gz", times in
// seconds since 1970. `sender` is the reporting organization's domain. `unique_id`: letters and digits; "": none.
std::string file_name(std::string_view sender, std::string_view policy_domain, Time begin, Time end,
                      bool gzipped, std::string_view unique_id = {});

}  // namespace starttls::tlsrpt
