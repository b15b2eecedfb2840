#include "discovery/discovery_settings.h"

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/domain.h"
#include "base/text.h"
#include "dns/servers.h"

namespace starttls::discovery {
namespace {

using namespace std::chrono_literals;

std::vector<std::string> words_of(std::string_view text) {
  std::vector<std::string> words;
  while (!text.empty()) {
    const auto blank = std::min(text.find(' '), text.size());
    if (blank > 0) words.emplace_back(text.substr(0, blank));
    text.remove_prefix(std::min(blank + 1, text.size()));
  }
  return words;
}

}  // namespace

void DiscoverySection::ask(config::Settings& settings, DiscoverySettings& into) {
  constexpr std::uint64_t many = 10'000;
  settings.strings("dns.servers", into.dns.servers);
  settings.string("dns.resolv_conf", resolv_conf_);
  settings.strings("dns.stub_zones", stub_zones_);
  settings.flag("dns.dnssec", into.dns.dnssec);
  settings.string("dns.trust_anchor", trust_anchor_);
  settings.seconds("dns.timeout", into.dns.timeout, 100ms, 60s);
  settings.string("mta-sts.cache", cache_);
  settings.string("mta-sts.ca_file", ca_file_);
  settings.number("mta-sts.https_port", port_, 1, std::numeric_limits<std::uint16_t>::max());
  settings.flag("mta-sts.private_addresses", into.policy_hosts.private_addresses);
  settings.seconds("mta-sts.timeout", into.policy_hosts.total, 100ms, 5min);
  settings.seconds("mta-sts.connect_timeout", into.policy_hosts.connect, 100ms, 60s);
  settings.number("mta-sts.fetches", at_once_, 1, many);
  settings.number("mta-sts.fetches_per_address", per_address_, 1, many);
}

void DiscoverySection::complete(const Wrong& wrong, const Path& path, DiscoverySettings& into) const {
  for (std::size_t i = 0; i < into.dns.servers.size(); ++i) {
    if (dns::check_server(into.dns.servers[i])) continue;
    wrong(fmt::format("dns.servers[{}]", i),
          fmt::format("is '{}', not an address such as 192.0.2.1 or 192.0.2.1@5353",
                      printable(into.dns.servers[i], 100)));
  }
  for (std::size_t i = 0; i < stub_zones_.size(); ++i) {
    auto words = words_of(stub_zones_[i]);
    const bool sound = words.size() >= 2 && DomainName::parse(words.front()) &&
                       std::all_of(words.begin() + 1, words.end(), [](const std::string& word) {
                         return dns::check_server(word).has_value();
                       });
    if (!sound) {
      wrong(fmt::format("dns.stub_zones[{}]", i),
            fmt::format("is '{}', not a zone and its servers such as 'example.test 192.0.2.1@5353'",
                        printable(stub_zones_[i], 100)));
      continue;
    }
    into.dns.stub_zones.push_back({.zone = words.front(), .servers = {words.begin() + 1, words.end()}});
  }
  into.dns.resolv_conf = path("dns.resolv_conf", resolv_conf_);
  into.dns.trust_anchor = path("dns.trust_anchor", trust_anchor_);
  into.cache = path("mta-sts.cache", cache_);
  into.policy_hosts.ca_file = path("mta-sts.ca_file", ca_file_);
  into.policy_hosts.port = static_cast<std::uint16_t>(port_);
  into.policy_hosts.max_concurrent = at_once_;
  into.policy_hosts.max_per_address = per_address_;
}

}  // namespace starttls::discovery
