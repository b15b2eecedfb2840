#include "config/address.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <tuple>

#include "base/ip_address.h"
#include "base/text.h"
#include "base/try.h"

namespace starttls::config {
namespace {

using Family = Address::Family;

constexpr std::size_t max_shown = 200;
constexpr std::size_t max_host_name = 253;                           // RFC 1035 2.3.4
constexpr std::size_t max_path = sizeof(sockaddr_un::sun_path) - 1;  // unix(7)

std::unexpected<Error> no_address(std::string_view text, std::string_view why) {
  return fail(Fault::config, R"(is '{}', {}; write "inet:HOST:PORT" or "unix:/PATH")",
              printable(text, max_shown), why);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

bool is_digits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

// Refuses a mistyped IP address such as 127.0.0.
bool is_host_name(std::string_view text) {
  constexpr std::string_view characters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.";
  const auto last_label = text.substr(text.rfind('.') + 1);
  return !text.empty() && text.size() <= max_host_name && text.find_first_not_of(characters) == text.npos &&
         !text.starts_with('.') && !text.starts_with('-') && !is_digits(last_label) &&
         text.find("..") == text.npos;
}

std::string_view fault_of_path(std::string_view path) {
  if (!path.starts_with('/')) return "whose path is not absolute";
  if (path.ends_with('/')) return "whose path names a directory";
  return path.size() > max_path ? "whose path is too long for a socket" : "";
}

struct HostAndPort {
  std::string_view host, port;
  bool is_every_host = false;
};

// The text after "inet:", in each of its forms.
std::optional<HostAndPort> split(std::string_view text) {
  if (const auto at = text.find('@'); at != text.npos)
    return HostAndPort{.host = text.substr(at + 1), .port = text.substr(0, at)};
  if (is_digits(text)) return HostAndPort{.host = {}, .port = text, .is_every_host = true};
  const auto colon = text.rfind(':');
  if (colon == text.npos || text.ends_with(']')) return std::nullopt;
  return HostAndPort{.host = text.substr(0, colon), .port = text.substr(colon + 1)};
}

// Sets the host, or returns what is wrong with it.
std::string_view take_host(std::string_view host, Address& address) {
  if (host.empty()) return "which has no host";
  const bool is_bracketed = host.starts_with('[') && host.ends_with(']');
  const std::string_view inner = is_bracketed ? host.substr(1, host.size() - 2) : host;
  const auto ip = IpAddress::parse(inner);
  if (!ip && (is_bracketed || inner.find(':') != inner.npos))
    return "whose host is no IPv6 address in brackets";
  if (!ip && !is_host_name(inner)) return "whose host is neither an address nor a host name";
  if (ip && inner.find(':') != inner.npos && !is_bracketed) return "whose IPv6 address needs brackets";
  if (ip && ip->is_ipv4() && address.family == Family::ipv6) return "which is an IPv4 address after inet6:";
  address.host = inner;
  return "";
}

}  // namespace

bool Address::operator==(const Address& other) const {
  return std::tie(path, host, port, family) == std::tie(other.path, other.host, other.port, other.family);
}

Result<Address> parse_address(std::string_view text) {
  if (text.find('\0') != text.npos) return no_address(text, "which has a NUL character in it");
  Address address{.written = std::string(text)};
  for (const std::string_view scheme : {"unix:", "local:"}) {
    if (!text.starts_with(scheme)) continue;
    address.path = text.substr(scheme.size());
    const auto fault = fault_of_path(address.path);
    return fault.empty() ? Result<Address>(std::move(address)) : no_address(text, fault);
  }
  std::string_view rest = text;
  const bool is_inet = text.starts_with("inet:");
  const bool is_inet6 = text.starts_with("inet6:");
  if (is_inet || is_inet6) rest.remove_prefix(rest.find(':') + 1);
  if (is_inet6) address.family = Family::ipv6;
  const auto parts = split(rest);
  const bool has_scheme = is_inet || is_inet6;
  // A number alone, or a host without a port.
  if (!parts || (!has_scheme && (parts->is_every_host || rest.find('@') != rest.npos)))
    return no_address(text, "which has no host and port");
  const auto port = parse_port(parts->port);
  if (!port) return no_address(text, "whose port is no number from 1 to 65535");
  address.port = *port;
  if (parts->is_every_host) {
    if (is_inet) address.family = Family::ipv4;
    return address;
  }
  if (const auto fault = take_host(parts->host, address); !fault.empty()) return no_address(text, fault);
  return address;
}

std::string to_string(const Address& address) {
  if (!address.written.empty()) return address.written;
  if (address.is_unix()) return "unix:" + address.path;
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? "[" + address.host + "]" : address.host;
  return fmt::format("inet:{}:{}", host, address.port);
}

Result<SocketAddress> resolve(const Address& address) {
  addrinfo hints{};
  hints.ai_family = address.family == Family::ipv4   ? AF_INET
                    : address.family == Family::ipv6 ? AF_INET6
                                                     : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const char* const host = address.host.empty() ? nullptr : address.host.c_str();
  const int failure = ::getaddrinfo(host, std::to_string(address.port).c_str(), &hints, &found);
  if (failure != 0)
    return fail(Fault::unavailable, "{}: {}", printable(to_string(address)), ::gai_strerror(failure));
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> first(found, &::freeaddrinfo);
  SocketAddress resolved;
  resolved.size = std::min<socklen_t>(first->ai_addrlen, sizeof resolved.storage);
  std::memcpy(&resolved.storage, first->ai_addr, resolved.size);
  return resolved;
}

Result<std::string> to_libmilter_string(const Address& address) {
  if (address.is_unix()) return "unix:" + address.path;
  const auto resolved = TRY(resolve(address));
  std::array<char, NI_MAXHOST> host{};
  const int failure =
      ::getnameinfo(resolved.get(), resolved.size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST);
  if (failure != 0)
    return fail(Fault::unavailable, "{}: {}", printable(to_string(address)), ::gai_strerror(failure));
  const bool is_ipv6 = resolved.storage.ss_family == AF_INET6;
  return fmt::format("{}:{}@[{}]", is_ipv6 ? "inet6" : "inet", address.port, host.data());
}

}  // namespace starttls::config
