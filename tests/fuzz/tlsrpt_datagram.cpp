#include "base/text.h"
#include "fuzz.h"
#include "tlsrpt/datagram.h"

using namespace starttls;

namespace {

void check_text(const std::string& text) {
  fuzz::require(is_utf8(text) && !text.contains('\0') && text.size() <= 4 * tlsrpt::datagram_text_limit);
}

}  // namespace

// What any local program may send to the socket.
int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const auto result = tlsrpt::read_datagram(fuzz::text_of(bytes, size));
  if (!result) return 0;
  fuzz::require(!result->domain.empty() && !result->policies.empty() &&
                result->policies.size() <= tlsrpt::max_datagram_policies);
  check_text(result->domain);
  check_text(result->record);
  for (const tlsrpt::PolicyResult& policy : result->policies) {
    fuzz::require(policy.successful_sessions + policy.failed_sessions == 1);
    fuzz::require(policy.failure_details.size() <= tlsrpt::max_datagram_details);
    check_text(policy.policy_type);
    check_text(policy.policy_domain);
    for (const std::string& text : policy.policy_strings) check_text(text);
    for (const tlsrpt::FailureDetail& detail : policy.failure_details) {
      check_text(detail.result_type);
      check_text(detail.receiving_mx_helo);
      fuzz::require(!detail.receiving_mx_helo.contains('\n'));
    }
  }
  const std::string written = tlsrpt::to_datagram(*result);
  fuzz::require(!written.contains('\n'));
  fuzz::require(written.size() > tlsrpt::datagram_size_limit || tlsrpt::read_datagram(written));
  return 0;
}
