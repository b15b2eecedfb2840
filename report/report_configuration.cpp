#include "report/report_configuration.h"

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/try.h"
#include "config/settings.h"

namespace starttls::report {
namespace {

void read_report(config::Settings& settings, ReportConfiguration& report) {
  discovery::read_settings(
      settings, [&](const std::string& key, std::filesystem::path& value) { settings.path(key, value); },
      report.discovery);
  const auto parse = [](const std::string& uri) { return tlsrpt::parse_destination(uri); };
  settings.array("report.rua", report.rua, parse);
  const std::size_t destinations = settings.tables("destination");
  for (std::size_t index = 0; index < destinations; ++index) {
    const std::string table = fmt::format("destination[{}]", index);
    std::optional<DomainName> domain;
    settings.domain(table + ".domain", domain);
    std::vector<tlsrpt::Destination> rua;
    settings.array(table + ".rua", rua, parse);
    settings.check(domain.has_value(), table, "needs a 'domain'");
    if (domain) report.destinations[domain->str()] = std::move(rua);
  }
}

}  // namespace

Result<WholeConfiguration> load_whole_configuration(const command::CommandContext& context) {
  std::optional<std::filesystem::path> file;
  if (!context.config_file.empty()) file = context.config_file;
  config::Settings settings = TRY(config::load_tlsrpt_settings(file, context.config_kind()));
  ReportConfiguration report;
  config::TlsrptConfig configuration =
      TRY(config::read_tlsrpt_config(settings, [&](config::Settings& ours) { read_report(ours, report); }));
  configuration.file = std::make_shared<const config::Settings>(std::move(settings));
  return WholeConfiguration{.configuration = std::move(configuration), .report = std::move(report)};
}

}  // namespace starttls::report
