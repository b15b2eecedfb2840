// Reading a DNS message (RFC 1035 section 4), with the C library's own parser (ns_initparse, dn_expand).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "base/result.h"
#include "dns/answer.h"

namespace starttls::dns {

using Octets = std::span<const std::uint8_t>;

// Reads a complete response to one question of that type: status (found, nodata or nxdomain), records, the
// end of the CNAME chain, TTL. Sets nothing about DNSSEC. Fault::data with a sentence for any other
// message: malformed, truncated, an answer to another question, SERVFAIL, REFUSED, ...
Result<Answer> read_message(Octets message, Type type);

// Whether a response has DNSKEY records with signatures (RFC 4034): its sender supports DNSSEC.
bool has_signed_keys(Octets message);

// "SERVFAIL" for a response code (RFC 6895 section 2.3).
std::string rcode_name(int rcode);

// The TTL of an answer is at most one day; that of a negative answer is at most an hour (RFC 2308 section 5).
inline constexpr std::chrono::seconds max_ttl{86'400};
inline constexpr std::chrono::seconds max_negative_ttl{3'600};

// The limit of one answer; further ones are ignored. A message can hold 4,000, and no client tries them all.
inline constexpr std::size_t max_addresses = 64;

// libunbound follows no more than 11 by itself.
inline constexpr int max_cname_chain = 16;

}  // namespace starttls::dns
