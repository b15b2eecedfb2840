// [dns] and [mta-sts] of listtool.toml(5) and tlsrpt.toml(5): how to look up domains.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "config/settings.h"
#include "dns/resolver.h"
#include "http/fetcher.h"

namespace starttls::discovery {

struct DiscoverySettings {
  dns::Settings dns;
  http::FetcherSettings policy_hosts;
  std::filesystem::path cache;  // of MTA-STS policies; empty: the program's default
};

// The values in the file, before they are checked.
class DiscoverySection {
 public:
  void ask(config::Settings& settings, DiscoverySettings& into);

  // `wrong` is called for each invalid value; `path` makes a path in the file absolute, and notes that the
  // program reads it.
  using Wrong = std::function<void(const std::string& key, std::string_view what)>;
  using Path = std::function<std::filesystem::path(const std::string& key, const std::string& text)>;
  void complete(const Wrong& wrong, const Path& path, DiscoverySettings& into) const;

 private:
  std::vector<std::string> stub_zones_;
  std::string resolv_conf_ = dns::Settings{}.resolv_conf;
  std::string trust_anchor_ = dns::Settings{}.trust_anchor;
  std::string cache_;
  std::string ca_file_;
  std::uint64_t port_ = http::FetcherSettings{}.port;
  std::uint64_t at_once_ = http::FetcherSettings{}.max_concurrent;
  std::uint64_t per_address_ = http::FetcherSettings{}.max_per_address;
};

}  // namespace starttls::discovery
