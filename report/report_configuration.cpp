#include "report/report_configuration.h"

#include <fmt/format.h>

#include <filesystem>
#include <optional>
#include <string>
#include <utility>

#include "base/try.h"
#include "config/settings.h"

namespace starttls::report {
namespace {

Result<std::vector<tlsrpt::Destination>> parse_rua(const std::vector<std::string>& uris,
                                                   const config::Settings& settings) {
  std::vector<tlsrpt::Destination> destinations;
  for (std::size_t index = 0; index < uris.size(); ++index) {
    auto destination = tlsrpt::parse_destination(uris[index]);
    if (!destination) {
      return std::unexpected(
          settings.error_at(fmt::format("report.rua[{}]", index), destination.error().message));
    }
    destinations.push_back(std::move(*destination));
  }
  return destinations;
}

}  // namespace

Result<WholeConfiguration> load_whole_configuration(const command::CommandContext& context) {
  std::optional<std::filesystem::path> file;
  if (!context.config_file.empty()) file = context.config_file;
  config::Settings settings = TRY(config::load_tlsrpt_settings(file, context.config_kind()));
  ReportConfiguration report;
  discovery::DiscoverySection section;
  config::TlsrptConfig configuration = TRY(config::read_tlsrpt_config(
      settings, [&](config::Settings& ours) { section.ask(ours, report.discovery); }));
  std::optional<Error> error;
  section.complete(
      [&](const std::string& key, std::string_view what) {
        if (!error) error = settings.error_at(key, what);
      },
      [&](const std::string& key, const std::string& path) {
        if (path.contains('\0') && !error) error = settings.error_at(key, "has a NUL character in it");
        return settings.absolute(path);
      },
      report.discovery);
  if (error) return std::unexpected(*error);
  report.rua = TRY(parse_rua(configuration.report.rua, settings));
  configuration.file = std::make_shared<const config::Settings>(std::move(settings));
  return WholeConfiguration{.configuration = std::move(configuration), .report = std::move(report)};
}

}  // namespace starttls::report
