#include "dns/servers.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <ranges>

#include "base/text.h"

namespace starttls::dns {
namespace {

constexpr std::size_t max_servers = 3;  // MAXNS of resolv.conf(5)

bool is_address(std::string_view text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  const std::string_view without_scope = text.substr(0, text.find('%'));
  const std::string name(without_scope);
  if (name.size() == text.size() && ::inet_pton(AF_INET, name.c_str(), address.data()) == 1) return true;
  const bool scope_is_named = name.size() == text.size() || text.size() > name.size() + 1;
  return scope_is_named && ::inet_pton(AF_INET6, name.c_str(), address.data()) == 1;
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

// The words of a line, separated by blanks.
std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  constexpr std::string_view blanks = " \t\r";
  for (std::size_t start = line.find_first_not_of(blanks); start != std::string_view::npos;) {
    const std::size_t end = std::min(line.find_first_of(blanks, start), line.size());
    words.push_back(line.substr(start, end - start));
    start = line.find_first_not_of(blanks, end);
  }
  return words;
}

auto lines_of(std::string_view text) {
  return text | std::views::split('\n') |
         std::views::transform([](auto line) { return std::string_view(line.begin(), line.end()); });
}

}  // namespace

Result<void> check_server(std::string_view text) {
  const std::size_t at = text.find('@');
  // A NUL would end the text early in functions that take a C string.
  if (text.find('\0') != std::string_view::npos || !is_address(text.substr(0, at)) ||
      (at != std::string_view::npos && !is_port(text.substr(at + 1)))) {
    return fail(Fault::config,
                "'{}' is no name server: an IP address is needed, with @PORT where that is not 53",
                printable(text, 100));
  }
  return {};
}

std::vector<std::string> resolv_conf_servers(std::string_view resolv_conf) {
  std::vector<std::string> servers;
  for (const std::string_view line : lines_of(resolv_conf)) {
    const auto words = words_of(line);
    if (words.size() < 2 || words[0] != "nameserver" || !check_server(words[1])) continue;
    servers.emplace_back(words[1]);
    if (servers.size() == max_servers) break;
  }
  return servers;
}

std::vector<std::string> trust_anchor_names(std::string_view zone_file) {
  std::vector<std::string> owners;
  for (const std::string_view line : lines_of(zone_file)) {
    // A line that begins with a blank continues the record before it. "$" begins a directive.
    if (line.empty() || std::string_view(" \t\r;$").contains(line.front())) continue;
    const std::string owner(words_of(line).front());
    if (std::ranges::find(owners, owner) == owners.end()) owners.push_back(owner);
  }
  return owners;
}

}  // namespace starttls::dns
