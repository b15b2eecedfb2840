// IP addresses and networks.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

// An IPv4 or IPv6 address. An IPv4 address that IPv6 wraps ("::ffff:192.0.2.1") is that IPv4 address.
class IpAddress {
 public:
  // Accepts no zone, port or brackets (inet_pton(3)).
  static std::optional<IpAddress> parse(std::string_view text);

  bool is_ipv4() const { return size_ == 4; }
  std::size_t bits() const { return size_ * 8; }
  std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first(size_); }

  // The address with all bits after the first `length` cleared.
  IpAddress masked(std::size_t length) const;
  // "192.0.2.1", "2001:db8::1"
  std::string text() const;

  bool operator==(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
  std::size_t size_ = 0;
};

class IpNetwork {
 public:
  // "192.0.2.0/24", "2001:db8::/32", or an address alone. Fault::config, without the name of the setting, for
  // other texts, and where bits behind the prefix length are set.
  static Result<IpNetwork> parse(std::string_view text);

  bool contains(const IpAddress& address) const;
  // "192.0.2.0/24"
  std::string text() const;

  bool operator==(const IpNetwork&) const = default;

 private:
  IpNetwork(IpAddress first, std::size_t length) : first_(first), length_(length) {}

  IpAddress first_;
  std::size_t length_ = 0;
};

}  // namespace starttls
