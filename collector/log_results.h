// How a mail server's log says that an outbound handshake ended, in the form that every source of results has. Pure.
//
// The log names no policy, so most results have none; it is looked up when they are reported. A mail server that sends
// mail in plaintext, or to a host whose certificate it does not trust, has applied none: such a result is one without
// policy ("no-policy-found"; RFC 8460 section 4.4: the policy "that was applied by the sending domain").
//
// Mail in plaintext is a failed session, "starttls-not-supported" (section 4.3.1), whether or not a policy demanded TLS,
// as mail that comes in without TLS is in self reports.
#pragma once

#include "mtalog/outbound_handshake.h"
#include "tlsrpt/datagram.h"

namespace starttls::collector {

tlsrpt::HandshakeResult to_result(const mtalog::OutboundHandshake& handshake);

}  // namespace starttls::collector
