// Domain names as the whole project compares them.
#pragma once

#include <compare>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace starttls {

// A host or domain name: lower-case A-labels (RFC 5890), no trailing dot, letters, digits and hyphens only,
// labels of 1 to 63 and 253 bytes in all (RFC 1035 section 2.3.4). Not an address literal: the last label is
// never all digits. This is the only place that turns text into a name to be compared.
class DomainName {
 public:
  // Takes upper case, U-labels (UTF-8) and one trailing dot. Fault::data says what is wrong with the name.
  static Result<DomainName> parse(std::string_view text);

  // Whether the text is such a name already, byte for byte. Names with "xn--" are left to parse(), which
  // gives them back as they are where they are sound: here the answer is false. For those who have millions.
  static bool is_plain(std::string_view text);

  const std::string& str() const { return name_; }
  auto operator<=>(const DomainName&) const = default;

 private:
  explicit DomainName(std::string name) : name_(std::move(name)) {}
  std::string name_;
};

}  // namespace starttls

template <>
struct std::hash<starttls::DomainName> {
  std::size_t operator()(const starttls::DomainName& name) const noexcept {
    return std::hash<std::string>{}(name.str());
  }
};
