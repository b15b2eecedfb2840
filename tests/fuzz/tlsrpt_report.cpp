#include "base/text.h"
#include "fuzz.h"
#include "tlsrpt/received_report.h"

using namespace starttls;

namespace {

void check_text(const std::string& text) {
  fuzz::require(is_utf8(text) && !text.contains('\0') && text.size() <= tlsrpt::report_text_limit);
}

void check_policy(const tlsrpt::PolicyResult& policy) {
  check_text(policy.policy_type);
  check_text(policy.policy_domain);
  for (const std::string& text : policy.policy_strings) check_text(text);
  for (const std::string& host : policy.mx_hosts) check_text(host);
  for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
    check_text(detail.result_type);
    check_text(detail.receiving_mx_helo);
    check_text(detail.failure_reason_code);
  }
}

}  // namespace

// A report that was read is written as JSON that can be read again with the same result.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  tlsrpt::Report report;
  const auto take = [&](tlsrpt::PolicyResult&& policy) {
    check_policy(policy);
    report.policies.push_back(std::move(policy));
  };
  const auto reading = tlsrpt::read_report(byte_reader(fuzz::text_of(bytes, size)), take);
  if (reading) report.head = reading->head;
  if (!reading) return 0;
  fuzz::require(reading->head.begin <= reading->head.end && reading->warnings.size() <= tlsrpt::max_warnings);
  const std::string json = tlsrpt::to_json(report);
  tlsrpt::Report again = report;
  again.policies.clear();
  fuzz::require(tlsrpt::read_report(byte_reader(json), [&](tlsrpt::PolicyResult&& policy) {
                  again.policies.push_back(std::move(policy));
                }).has_value());
  fuzz::require(tlsrpt::to_json(again) == json);
  return 0;
}
