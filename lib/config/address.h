// The address of a listening socket, in the one syntax that all configuration files and command lines have:
//
//   unix:/PATH        a unix socket with an absolute path
//   inet:HOST:PORT    TCP, as Postfix writes it. HOST is a host name, an IPv4 or a bracketed IPv6 address
//   HOST:PORT         the same
//   inet6:HOST:PORT   the same, with IPv6 only
//
// and, as libmilter and Sendmail write them (smfi_setconn):
//
//   local:/PATH                          the same as unix:/PATH
//   inet:PORT@HOST, inet6:PORT@HOST      the same as inet:HOST:PORT and inet6:HOST:PORT
//   inet:PORT, inet6:PORT                every IPv4 or IPv6 address of this host
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls::config {

struct Address {
  enum class Family { any, ipv4, ipv6 };

  std::string path;  // of a unix socket; absolute
  std::string host;  // without brackets; empty: every address of this host
  std::uint16_t port = 0;
  Family family = Family::any;  // of a host name, or of every address
  std::string written;          // by the user; empty: an address of our own

  bool is_unix() const { return !path.empty(); }
  // Whether both are the same socket. A host name and its address are not.
  bool operator==(const Address& other) const;
};

// Fault::config, to follow the name of the setting: "is 'X', which has no port; write ...".
Result<Address> parse_address(std::string_view text);

// As the user wrote it, else "unix:/path" or "inet:HOST:PORT".
std::string to_string(const Address& address);

// A TCP address: the first one that the host has.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};
// Fault::unavailable where the host has no address.
Result<SocketAddress> resolve(const Address& address);

// "unix:/path", "inet:PORT@[192.0.2.1]" or "inet6:PORT@[2001:db8::1]", for smfi_setconn(): libmilter
// understands no other form everywhere. Fault::unavailable as of resolve().
Result<std::string> to_libmilter_string(const Address& address);

}  // namespace starttls::config
