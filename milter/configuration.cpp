#include "milter/configuration.h"

#include <charconv>

#include "base/settings.h"
#include "base/text.h"

namespace starttls::milter {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* default_file = "/etc/starttls-toolkit/tlsrpt.toml";

Result<Settings> load_settings(const std::optional<fs::path>& file) {
  if (file) return Settings::load(*file);
  std::error_code ignored;
  if (fs::exists(default_file, ignored)) return Settings::load(default_file);
  return Settings::none();
}

Result<mode_t> parse_mode(std::string_view text) {
  mode_t mode = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), mode, 8);
  if (error != std::errc() || end != text.data() + text.size() || mode > 0777) {
    return fail(Fault::config, R"('milter.socket_mode' is '{}', not an octal mode such as "0660")",
                printable(text));
  }
  return mode;
}

}  // namespace

Result<Configuration> load_configuration(const std::optional<fs::path>& file) {
  auto settings = load_settings(file);
  if (!settings) return std::unexpected(settings.error());
  Configuration c;
  std::string mode = "0660";
  settings->path("state_dir", c.state_dir);
  settings->text("milter.socket", c.socket);
  settings->text("milter.socket_mode", mode);
  settings->text("milter.socket_group", c.socket_group);
  settings->text("milter.log", c.log);
  settings->text("milter.log_level", c.log_level);
  settings->path("milter.pid_file", c.pid_file);
  settings->seconds("milter.sync_interval", c.sync_interval, 10ms, 1min);
  settings->seconds("milter.fold_interval", c.fold_interval, 10ms, 1h);
  settings->text("report.organization", c.organization);
  settings->text("report.contact", c.contact);
  if (auto done = settings->finish(); !done) return std::unexpected(done.error());

  const auto parsed = parse_mode(mode);
  if (!parsed) return std::unexpected(parsed.error());
  c.socket_mode = *parsed;
  if (c.log != "syslog" && c.log != "stderr") {
    return fail(Fault::config, R"('milter.log' is '{}', neither "syslog" nor "stderr")", printable(c.log));
  }
  return c;
}

}  // namespace starttls::milter
