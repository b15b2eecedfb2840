// Where a mail server sends mail: to a domain, or to the smart host that its operator configured, in the form
// of Postfix' relayhost (postconf(5)) and transport(5).
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "base/domain.h"
#include "base/result.h"

namespace starttls {

// "example.org", "example.org:587", "[smtp.example.org]", "[smtp.example.org]:submission". The name is the
// policy domain also of a smart host (RFC 8461 section 3.4). In brackets it is the one host that mail is sent
// to, without any MX lookup.
class NextHop {
 public:
  // The name as DomainName takes it, and the port, or a name of one, as Postfix does (services(5), and its
  // setting known_tcp_ports). Fault::data with the reason; an address has no policy domain.
  static Result<NextHop> parse(std::string_view text);
  // The domain of a recipient.
  NextHop(DomainName domain) : domain_(std::move(domain)), text_(domain_.str()) {}  // NOLINT(*-explicit-*)

  const DomainName& domain() const { return domain_; }
  std::uint16_t port() const { return port_; }
  bool is_host() const { return is_host_; }
  // Whether it is a domain like that of a recipient: with MX lookup, and no port.
  bool is_domain() const { return text_ == domain_.str(); }
  // In the form of DomainName, the port as it was written.
  const std::string& str() const { return text_; }

  bool operator==(const NextHop& other) const { return text_ == other.text_; }

 private:
  NextHop(DomainName domain, std::string text, std::uint16_t port, bool is_host)
      : domain_(std::move(domain)), text_(std::move(text)), port_(port), is_host_(is_host) {}

  DomainName domain_;
  std::string text_;
  std::uint16_t port_ = 25;
  bool is_host_ = false;
};

}  // namespace starttls

template <>
struct std::hash<starttls::NextHop> {
  std::size_t operator()(const starttls::NextHop& next_hop) const noexcept {
    return std::hash<std::string>{}(next_hop.str());
  }
};
