// The configuration of tlsrpt-report: all of tlsrpt.toml(5), and the parts that only this program uses.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "command/command.h"
#include "config/tlsrpt_toml.h"
#include "discovery/discovery_settings.h"
#include "store/store_config.h"
#include "tlsrpt/record.h"

namespace starttls::report {

struct ReportConfiguration {
  discovery::DiscoverySettings discovery;  // [dns], [mta-sts]
  std::vector<tlsrpt::Destination> rua;    // ReportConfig::rua, parsed
  // TlsrptConfig::destinations, parsed, by domain.
  std::map<std::string, std::vector<tlsrpt::Destination>> destinations;
};

using store::store_location;

struct WholeConfiguration {
  config::TlsrptConfig configuration;
  ReportConfiguration report;
};

// Reads CommandContext::config_file; uses the defaults if there is none. The message of Fault::config
// contains the line and the reason.
Result<WholeConfiguration> load_whole_configuration(const command::CommandContext& context);

}  // namespace starttls::report
