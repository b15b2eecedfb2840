#include "collector/log_results.h"

namespace starttls::collector {
namespace {

using mtalog::Protection;

constexpr const char* plaintext_reason = "plaintext: the mail was sent without TLS";

// Whether mail was sent in a way that no policy allows.
bool had_no_policy(const mtalog::OutboundHandshake& handshake) {
  if (handshake.failed) return false;
  switch (handshake.protection) {
    case Protection::none:
    case Protection::anonymous:
    case Protection::untrusted:
      return true;
    case Protection::trusted:
    case Protection::verified:
    case Protection::unknown:
      break;
  }
  return false;
}

tlsrpt::FailureDetail failure_of(const mtalog::OutboundHandshake& handshake) {
  tlsrpt::FailureDetail detail{.result_type = handshake.result_type,
                               .receiving_mx_hostname = handshake.receiving_mx,
                               .receiving_ip = handshake.receiving_ip,
                               .failed_session_count = 1,
                               .failure_reason_code = handshake.reason};
  if (!handshake.failed) {
    detail.result_type = "starttls-not-supported";
    detail.failure_reason_code = plaintext_reason;
  }
  return detail;
}

}  // namespace

tlsrpt::HandshakeResult to_result(const mtalog::OutboundHandshake& handshake) {
  const bool is_secure = !handshake.failed && handshake.protection != Protection::none;
  tlsrpt::PolicyResult policy{.policy_type = {}};
  if (had_no_policy(handshake)) policy.policy_type = "no-policy-found";
  if (is_secure) {
    policy.successful_sessions = 1;
  } else {
    policy.failed_sessions = 1;
    policy.failure_details.push_back(failure_of(handshake));
  }
  tlsrpt::HandshakeResult result{.domain = handshake.recipient_domain, .record = {}, .policies = {}};
  result.policies.push_back(std::move(policy));
  return result;
}

}  // namespace starttls::collector
