#include "report/report_configuration.h"

#include "config/settings.h"

namespace starttls::report {

Result<WholeConfiguration> load_whole_configuration(const std::optional<std::filesystem::path>& file) {
  auto settings = config::load_settings(file, FileKind::any);
  if (!settings) return std::unexpected(settings.error());
  ReportConfiguration report;
  discovery::DiscoverySection text;
  auto configuration = config::read_tlsrpt_config(
      *settings, [&](config::Settings& ours) { text.ask(ours, report.discovery); });
  if (!configuration) return std::unexpected(configuration.error());
  std::optional<Error> wrong;
  text.complete(
      [&](const std::string& key, std::string_view what) {
        if (!wrong) wrong = settings->error_at(key, what);
      },
      [&](const std::string& key, const std::string& path) {
        if (path.find('\0') != path.npos && !wrong)
          wrong = settings->error_at(key, "has a NUL character in it");
        return settings->absolute(path);
      },
      report.discovery);
  if (wrong) return std::unexpected(*wrong);
  for (std::size_t index = 0; index < configuration->rua.size(); ++index) {
    auto destination = tlsrpt::parse_destination(configuration->rua[index]);
    if (!destination) {
      return std::unexpected(
          settings->error_at(fmt::format("report.rua[{}]", index), destination.error().message));
    }
    report.rua.push_back(std::move(*destination));
  }
  return WholeConfiguration{.configuration = std::move(*configuration), .report = std::move(report)};
}

}  // namespace starttls::report
