#include "discovery/discovery_settings.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>

#include "base/domain.h"
#include "base/text.h"
#include "dns/servers.h"

namespace starttls::discovery {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t max_shown = 100;  // characters of a value in a message

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto blank = std::min(text.find(' '), text.size());
    if (blank > 0) words.emplace_back(text.substr(0, blank));
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return words;
}

Result<std::string> parse_server(const std::string& text) {
  if (dns::check_server(text)) return text;
  return fail(Fault::config, "is '{}', not an address such as 192.0.2.1 or 192.0.2.1@5353",
              printable(text, max_shown));
}

Result<dns::StubZone> parse_stub_zone(const std::string& text) {
  auto words = words_of(text);
  const bool sound = words.size() >= 2 && DomainName::parse(words.front()) &&
                     std::all_of(words.begin() + 1, words.end(),
                                 [](const std::string& word) { return dns::check_server(word).has_value(); });
  if (sound) return dns::StubZone{.zone = words.front(), .servers = {words.begin() + 1, words.end()}};
  return fail(Fault::config, "is '{}', not a zone and its servers such as 'example.test 192.0.2.1@5353'",
              printable(text, max_shown));
}

void read_dns(config::Settings& settings, const ReadPath& read_path, dns::Settings& into) {
  settings.array("dns.servers", into.servers, parse_server);
  read_path("dns.resolv_conf", into.resolv_conf);
  settings.array("dns.stub_zones", into.stub_zones, parse_stub_zone);
  settings.flag("dns.dnssec", into.dnssec);
  read_path("dns.trust_anchor", into.trust_anchor);
  settings.seconds("dns.timeout", into.timeout, 100ms, 60s);
}

void read_policy_hosts(config::Settings& settings, const ReadPath& read_path, http::FetcherSettings& into) {
  constexpr std::size_t many = 10'000;
  read_path("mta-sts.ca_file", into.ca_file);
  settings.number("mta-sts.https_port", into.port, 1, std::numeric_limits<std::uint16_t>::max());
  settings.flag("mta-sts.private_addresses", into.private_addresses);
  settings.seconds("mta-sts.timeout", into.total, 100ms, 5min);
  settings.seconds("mta-sts.connect_timeout", into.connect, 100ms, 60s);
  settings.number("mta-sts.max_fetches", into.max_concurrent, 1, many);
  settings.number("mta-sts.max_fetches_per_address", into.max_per_address, 1, many);
}

}  // namespace

void read_settings(config::Settings& settings, const ReadPath& read_path, DiscoverySettings& into) {
  read_dns(settings, read_path, into.dns);
  read_path("mta-sts.cache", into.cache);
  read_policy_hosts(settings, read_path, into.policy_hosts);
}

}  // namespace starttls::discovery
