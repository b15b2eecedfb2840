// What of tlsrpt.toml(5) is for tlsrpt-report alone.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "config/tlsrpt_toml.h"
#include "discovery/discovery_settings.h"
#include "tlsrpt/record.h"

namespace starttls::report {

struct ReportConfiguration {
  discovery::DiscoverySettings discovery;  // [dns], [mta-sts]
  std::vector<tlsrpt::Destination> rua;    // TlsrptConfig::rua, understood
};

// All of the file, as load_tlsrpt_config().
struct WholeConfiguration {
  config::TlsrptConfig configuration;
  ReportConfiguration report;
};
Result<WholeConfiguration> load_whole_configuration(const std::optional<std::filesystem::path>& file);

}  // namespace starttls::report
