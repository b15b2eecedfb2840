#include "base/next_hop.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <array>
#include <charconv>
#include <optional>

#include "base/text.h"
#include "base/try.h"

namespace starttls {
namespace {

constexpr std::size_t max_port_size = 32;  // bytes of a service's name

// The ports that Postfix resolves without services(5) (postconf(5), known_tcp_ports).
constexpr std::array<std::pair<std::string_view, std::uint16_t>, 5> known_ports{
    {{"lmtp", 24}, {"smtp", 25}, {"smtps", 465}, {"submissions", 465}, {"submission", 587}}};

std::optional<std::uint16_t> port_in_services(const std::string& name) {
  servent entry{};
  servent* found = nullptr;
  std::array<char, 4096> memory{};
  const int rc = ::getservbyname_r(name.c_str(), "tcp", &entry, memory.data(), memory.size(), &found);
  if (rc != 0 || found == nullptr) return std::nullopt;
  return ntohs(static_cast<std::uint16_t>(found->s_port));
}

// `text` is lower-case.
std::optional<std::uint16_t> port_of(std::string_view text) {
  if (text.empty() || text.size() > max_port_size) return std::nullopt;
  std::uint16_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    return number == 0 ? std::nullopt : std::optional(number);
  }
  for (const auto& [name, port] : known_ports) {
    if (text == name) return port;
  }
  constexpr std::string_view allowed = "abcdefghijklmnopqrstuvwxyz0123456789-_+.";
  if (text.find_first_not_of(allowed) != text.npos) return std::nullopt;
  return port_in_services(std::string(text));
}

struct Parts {
  std::string_view name;
  std::optional<std::string_view> port;
  bool is_host = false;
};

// Returns nothing if the brackets are malformed.
std::optional<Parts> split(std::string_view text) {
  if (!text.starts_with('[')) {
    const auto colon = text.find(':');
    Parts parts{.name = text.substr(0, colon), .port = {}};
    if (colon != text.npos) parts.port = text.substr(colon + 1);
    return parts;
  }
  const auto end = text.find(']');
  if (end == text.npos) return std::nullopt;
  Parts parts{.name = text.substr(1, end - 1), .port = {}, .is_host = true};
  const std::string_view rest = text.substr(end + 1);
  if (!rest.empty() && rest.front() != ':') return std::nullopt;
  if (!rest.empty()) parts.port = rest.substr(1);
  return parts;
}

}  // namespace

Result<NextHop> NextHop::parse(std::string_view text) {
  if (is_address_like(text)) {
    return fail(Fault::data, "'{}' is an address, which has no policy domain", printable(text, 300));
  }
  const auto parts = split(text);
  if (!parts) return fail(Fault::data, "'{}' is no next-hop such as '[host]:port'", printable(text, 300));
  auto domain = TRY(DomainName::parse(parts->name));
  std::string shown = parts->is_host ? "[" + domain.str() + "]" : domain.str();
  std::uint16_t port = 25;
  if (parts->port) {
    const std::string name = to_lower(*parts->port);
    const auto number = port_of(name);
    if (!number)
      return fail(Fault::data, "'{}': '{}' is no port", printable(text, 300), printable(*parts->port, 100));
    shown += ":" + name;
    port = *number;
  }
  return NextHop(std::move(domain), std::move(shown), port, parts->is_host);
}

}  // namespace starttls
