// What of tlsrpt.toml(5) is for tlsrpt-report alone.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "base/result.h"
#include "milter/configuration.h"
#include "policy/discovery_settings.h"
#include "tlsrpt/record.h"

namespace starttls::milter {

struct ReportConfiguration {
  policy::DiscoverySettings discovery;   // [dns], [mta-sts]
  std::vector<tlsrpt::Destination> rua;  // Configuration::rua, understood
};

// All of the file, as load_configuration().
struct WholeConfiguration {
  Configuration configuration;
  ReportConfiguration report;
};
Result<WholeConfiguration> load_whole_configuration(const std::optional<std::filesystem::path>& file);

}  // namespace starttls::milter
