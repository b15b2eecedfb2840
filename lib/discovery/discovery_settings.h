// [dns] and [mta-sts] of listtool.toml(5) and tlsrpt.toml(5): how to look up domains.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "config/settings.h"
#include "dns/resolver.h"
#include "http/fetcher.h"

namespace starttls::discovery {

struct DiscoverySettings {
  dns::Settings dns;
  http::FetcherSettings policy_hosts;
  std::filesystem::path cache;  // of MTA-STS policies; empty: the program's default
};

// Reads a path in the file, as Settings::path() does.
using ReadPath = std::function<void(const std::string& key, std::filesystem::path& value)>;

// Reads [dns] and [mta-sts]. An invalid value is an error of settings.finish().
void read_settings(config::Settings& settings, const ReadPath& read_path, DiscoverySettings& into);

}  // namespace starttls::discovery
