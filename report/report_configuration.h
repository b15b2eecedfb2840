// The configuration of tlsrpt-report: all of tlsrpt.toml(5), and what only this program reads of it.
#pragma once

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
};

using store::store_location;

struct WholeConfiguration {
  config::TlsrptConfig configuration;
  ReportConfiguration report;
};

// Reads CommandContext::config_file; the defaults where there is none. Fault::config says which line is wrong
// and why.
Result<WholeConfiguration> load_whole_configuration(const command::CommandContext& context);

}  // namespace starttls::report
