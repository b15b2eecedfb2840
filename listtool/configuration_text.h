// The configuration as it is in the file, before it is checked. Internal to configuration.cpp.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "config/settings.h"
#include "discovery/discovery_settings.h"
#include "listtool/configuration.h"

namespace starttls::listtool {

std::vector<std::string> to_strings(const std::vector<config::Address>& addresses);

struct ListText {
  std::string name, url, file, signature, openpgp_key_file;
  std::vector<std::string> keys, key_files;
  bool allow_legacy = false;
  std::string signed_file;
  bool require_signed_file = false;
  std::uint64_t max_shrink = ListSettings{}.max_shrink;
};

struct OutputText {
  std::string mta, file, type, postfix_version;
  bool early_adopter = false;
  std::vector<std::string> next_hops;
  std::vector<std::string> command;
};

struct ServeText {
  std::vector<std::string> listen = to_strings(ServeSettings{}.listen);
  std::string metrics, postfix_version;
  std::uint64_t max_connections = ServeSettings{}.max_connections;
  std::uint64_t max_domains = ServeSettings{}.max_domains;
  std::uint64_t max_lookups = ServeSettings{}.max_lookups;
};

struct ConfigurationText {
  std::string state_dir = Configuration{}.state_dir, overrides, ca_file;
  std::uint64_t size_limit = FetchLimits{}.size_limit;
  std::uint64_t redirects = FetchLimits{}.redirects;
  discovery::DiscoverySection discovery;
  std::vector<ListText> lists;
  std::vector<OutputText> outputs;
  ServeText serve;
};

// Reads all settings of the file. Those that need only a check of their type are stored in the configuration.
ConfigurationText read_text(config::Settings& settings, Configuration& configuration);

}  // namespace starttls::listtool
