// Reading a DNS message (RFC 1035 section 4), with the C library's own parser (ns_initparse, dn_expand).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "dns/resolver.h"

namespace starttls::dns {

using Octets = std::span<const std::uint8_t>;

// What a complete answer to one question of that type says: found, nodata or nxdomain, the records, the end
// of the CNAME chain, the TTL. It says nothing of DNSSEC. Fault::data with a sentence for what is no such
// answer: malformed, truncated, an answer to something else, SERVFAIL, REFUSED, ...
Result<Answer> read_message(Octets message, Type type);

// Whether an answer holds keys with signatures (RFC 4034): whoever sent it speaks DNSSEC.
bool has_signed_keys(Octets message);

// "SERVFAIL" for a response code (RFC 6895 section 2.3).
std::string rcode_name(int rcode);

// The TTL of an answer is at most one day, that of a "no" at most an hour, as RFC 2308 section 5 advises.
inline constexpr std::chrono::seconds max_ttl{86'400};
inline constexpr std::chrono::seconds max_negative_ttl{3'600};

// Of one answer; the others are ignored. An answer has room for 4,000, and nobody tries them all.
inline constexpr std::size_t max_addresses = 64;

// libunbound follows no more than 11 by itself.
inline constexpr int max_cname_chain = 16;

}  // namespace starttls::dns
