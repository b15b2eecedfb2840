// Domain names as the whole project compares them.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

// A host or domain name: lower-case, no trailing dot, labels of letters, digits and hyphens that neither
// begin nor end with a hyphen (RFC 5321 section 4.1.2), of 1 to 63 bytes each and 253 in all (RFC 1035
// section 2.3.4). Not an address: the last label is no number.
//
// A label that is ASCII is taken as it is, also where it begins with "xn--" and is no A-label (RFC 5890
// section 2.3.2.1): such hosts are in the DNS and receive mail. This is the only place that turns text into a
// name to be compared.
class DomainName {
 public:
  // Takes upper case, U-labels (UTF-8), which become A-labels, and one trailing dot. Fault::data says what is
  // wrong with the name.
  static Result<DomainName> parse(std::string_view text);

  // Whether the text is such a name already, byte for byte. For those who have millions.
  static bool is_plain(std::string_view text);

  const std::string& str() const { return name_; }
  auto operator<=>(const DomainName&) const = default;

 private:
  explicit DomainName(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

// Whether the text is an address, or so like one that a program may take it for one, and thus no name: an
// IPv4 or IPv6 address, also with a port, an address literal ("[IPv6:2001:db8::1]", RFC 5321 section 4.1.3),
// or what ends with a number ("mx.example.123", "0x7f.1").
bool is_address_like(std::string_view text);

}  // namespace starttls

template <>
struct std::hash<starttls::DomainName> {
  std::size_t operator()(const starttls::DomainName& name) const noexcept {
    return std::hash<std::string>{}(name.str());
  }
};
