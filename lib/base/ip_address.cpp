#include "base/ip_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace starttls {
namespace {

constexpr std::array<std::uint8_t, 12> ipv4_mapped{0, 0, 0, 0, 0,    0,
                                                   0, 0, 0, 0, 0xFF, 0xFF};  // RFC 4291 2.5.5.2

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  IpAddress address;
  if (::inet_pton(AF_INET, copy.c_str(), address.bytes_.data()) == 1) {
    address.size_ = 4;
    return address;
  }
  if (::inet_pton(AF_INET6, copy.c_str(), address.bytes_.data()) != 1) return std::nullopt;
  address.size_ = 16;
  if (std::ranges::equal(ipv4_mapped, address.bytes().first(ipv4_mapped.size()))) {
    std::array<std::uint8_t, 16> unwrapped{};
    std::ranges::copy(address.bytes().subspan(ipv4_mapped.size()), unwrapped.begin());
    address.bytes_ = unwrapped;
    address.size_ = 4;
  }
  return address;
}

IpAddress IpAddress::masked(std::size_t length) const {
  IpAddress result = *this;
  for (std::size_t i = 0; i < size_; ++i) {
    const std::size_t kept = length > i * 8 ? std::min<std::size_t>(8, length - i * 8) : 0;
    result.bytes_[i] = static_cast<std::uint8_t>(bytes_[i] & (0xFF00U >> kept));
  }
  return result;
}

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (size_ == 0) return {};
  ::inet_ntop(is_ipv4() ? AF_INET : AF_INET6, bytes_.data(), text.data(), text.size());
  return text.data();
}

Result<IpNetwork> IpNetwork::parse(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = IpAddress::parse(text.substr(0, slash));
  const auto no_network = [&] {
    return fail(Fault::config, R"(is '{}', no network such as "192.0.2.0/24" or "2001:db8::/32")",
                printable(text, 100));
  };
  if (!address) return no_network();
  std::size_t length = address->bits();
  if (slash != std::string_view::npos) {
    const std::string_view number = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), length);
    if (error != std::errc() || end != number.data() + number.size() || length > address->bits())
      return no_network();
  }
  const IpAddress first = address->masked(length);
  if (first != *address) {
    return fail(Fault::config, "is '{}', which has bits set behind its prefix; '{}/{}' is the network",
                printable(text, 100), first.text(), length);
  }
  return IpNetwork(first, length);
}

bool IpNetwork::contains(const IpAddress& address) const {
  return address.is_ipv4() == first_.is_ipv4() && address.masked(length_) == first_;
}

std::string IpNetwork::text() const {
  return fmt::format("{}/{}", first_.text(), length_);
}

}  // namespace starttls
