// Public and special-purpose addresses. A name in the DNS must not make us connect to hosts behind our own
// firewall.
#pragma once

#include <sys/socket.h>

#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace starttls {

// Whether the text is an IPv4 address in dotted-decimal form or an IPv6 address, without zone, port and
// brackets (inet_pton(3)).
bool is_address(std::string_view text);

// Whether the address may be that of a server on the public Internet, by the registries of special-purpose
// addresses (RFC 6890 and its updates). These are not: loopback, private, link-local, shared (RFC 6598),
// unique-local, documentation, benchmarking, multicast, reserved and unspecified addresses; IPv6 addresses
// that wrap an IPv4 address, whichever that is (mapped, compatible, 6to4, Teredo); those of NAT64 whose
// IPv4 address is not public (RFC 6052 section 3.1); and all families but AF_INET and AF_INET6, whose
// structure must be complete.
bool is_public(const sockaddr& address);

// The same of a text; false where it is no address.
bool is_public(std::string_view text);
// The same of an address. One that wrapped an IPv4 address counts as that; an empty one is not public.
bool is_public(const IpAddress& address);

// The blocks of addresses that one owner may control, for limits per address. The block is an IPv4 address,
// or an IPv6 /64, the least that a customer gets. The network is an IPv4 /24 or an IPv6 /48. An IPv4
// address behind NAT64 counts as that address. "192.0.2.1" and "192.0.2.0/24"; the text itself where it is
// no address.
struct AddressBlock {
  std::string block;
  std::string network;
};
AddressBlock block_of(const std::string& text);

// "192.0.2.1", "2001:db8::1"; "" for other families.
std::string address_text(const sockaddr& address);

}  // namespace starttls
