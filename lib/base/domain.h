// Domain names, in the one form in which the whole project compares them.
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
// An ASCII label is kept as it is, even if it begins with "xn--" and is not a valid A-label (RFC 5890
// section 2.3.2.1): such hosts exist in the DNS and receive mail. This is the only place that makes a name to
// compare from text.
class DomainName {
 public:
  // Accepts upper case, U-labels (UTF-8), which become A-labels, and one trailing dot. Fault::data with the
  // reason where the text is not a name.
  static Result<DomainName> parse(std::string_view text);

  // Whether the text is already in that form, byte for byte. Cheaper than parse(), for millions of names.
  static bool is_plain(std::string_view text);

  const std::string& str() const { return name_; }
  auto operator<=>(const DomainName&) const = default;

 private:
  explicit DomainName(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

// Whether the text is an address, or so similar to one that a program may take it for an address: an IPv4
// or IPv6 address, also with a port, an address literal ("[IPv6:2001:db8::1]", RFC 5321 section 4.1.3), or
// a name whose last label is a number ("mx.example.123", "0x7f.1"). It is no domain name then.
bool is_address_like(std::string_view text);

}  // namespace starttls

template <>
struct std::hash<starttls::DomainName> {
  std::size_t operator()(const starttls::DomainName& name) const noexcept {
    return std::hash<std::string>{}(name.str());
  }
};
