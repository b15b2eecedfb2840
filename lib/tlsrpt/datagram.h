// Reads, and writes, the datagrams in which Postfix (3.10 and later, by libtlsrpt) tells how the TLS handshake of one connection to
// another mail server ended: TLSRPT_README of Postfix. It sends them only for domains that have a TLSRPT record.
//
//     {"dpv":"1","d":"example.org","pr":"v=TLSRPTv1; rua=mailto:tls@example.org",
//      "policies":[{"policy-type":2,"policy-domain":"example.org","policy-string":["version: STSv1", ...],
//                   "mx-host":["mx.example.org"],
//                   "failure-details":[{"c":202,"s":"192.0.2.1","n":"mx.example.org","h":"...","r":"192.0.2.2","a":"","f":""}],
//                   "t":1,"f":1}]}
//
// Any program that may write to the socket can send anything. Understood are members in any order, without or with any
// "dpv", numbers written as texts, bytes that are no UTF-8, and several policies. Members that are not known are ignored;
// codes that are not known are kept.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "tlsrpt/report.h"

namespace starttls::tlsrpt {

// Bytes. Those of Postfix have a few hundred; with what the journal adds, it must fit into a record there.
inline constexpr std::size_t datagram_size_limit = 65'000;
inline constexpr std::size_t datagram_depth_limit = 16;    // of objects and arrays within one another
inline constexpr std::size_t max_datagram_policies = 16;   // further ones are dropped
inline constexpr std::size_t max_datagram_details = 16;    // of a policy
inline constexpr std::size_t max_datagram_texts = 100;     // of a policy-string or mx-host
inline constexpr std::size_t datagram_text_limit = 1'024;  // bytes of any text; the rest is dropped

// The result of one handshake.
struct HandshakeResult {
  std::string domain;  // the recipient domain, as normalise_policy_domain() gives it
  std::string record;  // its TLSRPT record, as the sender found it
  // One at least. Each has one session, which was successful or failed. Of the reply to EHLO, `receiving_mx_helo` has the
  // host name alone.
  std::vector<PolicyResult> policies;

  bool has_failed() const;  // under one of its policies
};

// The texts of the result are valid UTF-8 without NUL; other bytes are escaped as by printable(). Fault::data where it is
// no JSON, larger or nested deeper than the limits, or names no domain or no policy.
Result<HandshakeResult> read_datagram(std::string_view datagram);

// A datagram that read_datagram() reads as the same result, if the result is within the limits: in one line, the same for
// the same result. Empty texts are left out: of a policy whose type is not known, there is no "policy-type". Texts must be
// valid UTF-8.
std::string to_datagram(const HandshakeResult& result);

}  // namespace starttls::tlsrpt
