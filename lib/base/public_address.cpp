#include "base/public_address.h"

#include <arpa/inet.h>
#include <fmt/ranges.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>

namespace starttls {
namespace {

using Bytes = std::span<const std::uint8_t>;

struct Prefix {
  std::array<std::uint8_t, 16> bytes;
  unsigned bits;
};

// https://www.iana.org/assignments/iana-ipv4-special-registry, with multicast (RFC 5771).
constexpr auto special_ipv4 = std::to_array<Prefix>({
    {{0}, 8},              // "this network" (RFC 791 section 3.2)
    {{10}, 8},             // private (RFC 1918)
    {{100, 64}, 10},       // shared by a provider's customers (RFC 6598)
    {{127}, 8},            // loopback (RFC 1122 section 3.2.1.3)
    {{169, 254}, 16},      // link-local (RFC 3927)
    {{172, 16}, 12},       // private (RFC 1918)
    {{192, 0, 0}, 24},     // protocol assignments (RFC 6890 section 2.1)
    {{192, 0, 2}, 24},     // documentation (RFC 5737)
    {{192, 88, 99}, 24},   // relays of 6to4 (RFC 7526)
    {{192, 168}, 16},      // private (RFC 1918)
    {{198, 18}, 15},       // benchmarking (RFC 2544)
    {{198, 51, 100}, 24},  // documentation (RFC 5737)
    {{203, 0, 113}, 24},   // documentation (RFC 5737)
    {{224}, 4},            // multicast (RFC 5771)
    {{240}, 4},            // reserved (RFC 1112 section 4), and broadcast (RFC 919)
});

// All public addresses are in this prefix (RFC 4291 section 2.4), except those of NAT64.
constexpr Prefix global_unicast{{0x20}, 3};

// https://www.iana.org/assignments/iana-ipv6-special-registry: the entries in the range of global unicast.
constexpr auto special_ipv6 = std::to_array<Prefix>({
    {{0x20, 0x01}, 23},              // protocol assignments (RFC 2928), Teredo among them (RFC 4380)
    {{0x20, 0x01, 0x0d, 0xb8}, 32},  // documentation (RFC 3849)
    {{0x20, 0x02}, 16},              // 6to4 (RFC 3056)
    {{0x3f, 0xff}, 20},              // documentation (RFC 9637)
});

constexpr Prefix nat64{{0x00, 0x64, 0xff, 0x9b}, 96};  // RFC 6052 section 2.1

bool is_in(Bytes address, const Prefix& prefix) {
  const std::size_t whole = prefix.bits / 8;
  if (!std::ranges::equal(address.first(whole), std::span(prefix.bytes).first(whole))) return false;
  const unsigned rest = prefix.bits % 8;
  return rest == 0 || ((address[whole] ^ prefix.bytes[whole]) >> (8 - rest)) == 0;
}

bool is_in_any(Bytes address, std::span<const Prefix> prefixes) {
  return std::ranges::any_of(prefixes, [&](const Prefix& prefix) { return is_in(address, prefix); });
}

bool is_public_ipv4(Bytes address) {
  return !is_in_any(address, special_ipv4);
}

bool is_public_ipv6(Bytes address) {
  if (is_in(address, nat64)) return is_public_ipv4(address.last(4));
  return is_in(address, global_unicast) && !is_in_any(address, special_ipv6);
}

template <class Address>
Bytes byte_reader(const Address& address) {
  return {reinterpret_cast<const std::uint8_t*>(&address), sizeof address};
}

const in_addr& ipv4_of(const sockaddr& address) {
  return reinterpret_cast<const sockaddr_in&>(address).sin_addr;
}

const in6_addr& ipv6_of(const sockaddr& address) {
  return reinterpret_cast<const sockaddr_in6&>(address).sin6_addr;
}

bool parse(std::string_view text, int family, void* address) {
  // inet_pton(3) would read a text only up to a NUL in it.
  return !text.contains('\0') && ::inet_pton(family, std::string(text).c_str(), address) == 1;
}

AddressBlock block_of_ipv4(Bytes address) {
  return {.block = fmt::format("{}", fmt::join(address, ".")),
          .network = fmt::format("{}.0/24", fmt::join(address.first(3), "."))};
}

// The text of an address with these first bytes; the rest is zero.
std::string ipv6_text(Bytes first) {
  in6_addr whole{};
  std::ranges::copy(first, whole.s6_addr);
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &whole, text.data(), text.size());
  return text.data();
}

}  // namespace

bool is_address(std::string_view text) {
  in6_addr either{};
  return parse(text, AF_INET, &either) || parse(text, AF_INET6, &either);
}

bool is_public(const sockaddr& address) {
  switch (address.sa_family) {
    case AF_INET:
      return is_public_ipv4(byte_reader(ipv4_of(address)));
    case AF_INET6:
      return is_public_ipv6(byte_reader(ipv6_of(address)));
    default:
      return false;
  }
}

bool is_public(std::string_view text) {
  in_addr ipv4{};
  if (parse(text, AF_INET, &ipv4)) return is_public_ipv4(byte_reader(ipv4));
  in6_addr ipv6{};
  return parse(text, AF_INET6, &ipv6) && is_public_ipv6(byte_reader(ipv6));
}

bool is_public(const IpAddress& address) {
  if (address.bits() == 0) return false;
  return address.is_ipv4() ? is_public_ipv4(address.bytes()) : is_public_ipv6(address.bytes());
}

AddressBlock block_of(const std::string& text) {
  in_addr ipv4{};
  if (parse(text, AF_INET, &ipv4)) return block_of_ipv4(byte_reader(ipv4));
  in6_addr ipv6{};
  if (!parse(text, AF_INET6, &ipv6)) return {.block = text, .network = text};
  const Bytes bytes = byte_reader(ipv6);
  if (is_in(bytes, nat64)) return block_of_ipv4(bytes.last(4));
  return {.block = fmt::format("{}/64", ipv6_text(bytes.first(8))),
          .network = fmt::format("{}/48", ipv6_text(bytes.first(6)))};
}

std::string address_text(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET) ::inet_ntop(AF_INET, &ipv4_of(address), text.data(), text.size());
  if (address.sa_family == AF_INET6) ::inet_ntop(AF_INET6, &ipv6_of(address), text.data(), text.size());
  return text.data();
}

}  // namespace starttls
