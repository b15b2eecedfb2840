#include "daemon/program.h"

#include <array>
#include <filesystem>
#include <optional>
#include <utility>

#include "base/console.h"
#include "base/log.h"
#include "base/try.h"
#include "daemon/background.h"

namespace starttls::daemon {
namespace {

namespace fs = std::filesystem;

struct CommandLine {
  fs::path config;
  std::optional<std::string> socket;
  fs::path state_dir;
  bool foreground = false;
  bool check_config = false;
  bool quiet = false;
  bool verbose = false;
};

void declare(const Program& program, command::Options& options, CommandLine& line) {
  command::config_option(options, line.config, config::default_tlsrpt_config);
  options.option("-s,--socket", line.socket, "SOCKET", program.socket_help);
  command::state_dir_option(options, line.state_dir, program.state_dir_help);
  options.flag("-f,--foreground", line.foreground, "Stay in the foreground and log to standard error");
  options.flag("--check-config", line.check_config, "Check the configuration and exit");
  const auto quiet = options.flag("-q,--quiet", line.quiet, "Log errors only");
  options.flag("-v,--verbose", line.verbose, "Log debugging messages, too").excludes(quiet);
}

// The daemon changes its directory to "/"; relative paths are relative to `directory`, where it was started.
Result<config::TlsrptConfig> configure(const Program& program, const CommandLine& line,
                                       const fs::path& directory, FileKind kind = FileKind::any) {
  const auto file = line.config.empty() ? std::nullopt : std::optional(directory / line.config);
  auto configuration = TRY(config::load_tlsrpt_config(file, kind));
  config::DaemonConfig& daemon = program.table(configuration);
  if (line.socket) {
    auto socket = config::parse_address(*line.socket);
    if (!socket) return fail(Fault::usage, "--socket {}", socket.error().message);
    daemon.socket = std::move(*socket);
  }
  if (!line.state_dir.empty()) configuration.state_dir = directory / line.state_dir;
  if (line.quiet) daemon.log_level = LogLevel::error;
  if (line.verbose) daemon.log_level = LogLevel::debug;
  return configuration;
}

Result<fs::path> current_directory() {
  std::error_code error;
  auto directory = fs::current_path(error);
  if (error) return fail(Fault::config, "the current directory: {}", error.message());
  return directory;
}

Result<void> check_config(const Program& program, const CommandLine& line) {
  start_log(program.text.name, LogTarget::command);
  auto configuration = TRY(configure(program, line, TRY(current_directory())));
  set_log_level(program.table(configuration).log_level);
  TRY(program.check_startup(configuration));
  return print(line.config.empty() ? "the configuration is OK\n" : line.config.string() + ": OK\n");
}

Result<void> run(const Program& program, const CommandLine& line) {
  const auto directory = TRY(current_directory());
  auto configuration = TRY(configure(program, line, directory));
  const config::DaemonConfig daemon = program.table(configuration);
  set_log_level(daemon.log_level);
  const auto clock = TRY(program_clock());
  start_log(program.text.name, LogTarget::standard_error);
  Options options{
      .configuration = std::move(configuration),
      // A pipe would be at its end, or would block the daemon.
      .reload_configuration = [&program, line,
                               directory] { return configure(program, line, directory, FileKind::regular); },
      .clock = clock,
      .ready = [] {}};
  if (line.foreground) return program.run(options);

  const bool to_syslog = daemon.log == LogTarget::syslog;
  options.ready = TRY(detach(!to_syslog));
  if (to_syslog) start_log(program.text.name, LogTarget::syslog);
  auto done = program.run(options);
  if (!done && to_syslog) log_error("{}", done.error().message);
  return done;
}

}  // namespace

std::vector<std::string_view> settings_for_restart(const config::DaemonConfig& old,
                                                   const config::DaemonConfig& now) {
  const std::array<std::pair<bool, std::string_view>, 11> all{{
      {old.socket != now.socket, "socket"},
      {old.socket_mode != now.socket_mode, "socket_mode"},
      {old.socket_owner != now.socket_owner, "socket_owner"},
      {old.socket_group != now.socket_group, "socket_group"},
      {old.user != now.user, "user"},
      {old.log != now.log, "log"},
      {old.pid_file != now.pid_file, "pid_file"},
      {old.sync_interval != now.sync_interval || old.fold_interval != now.fold_interval, "the intervals"},
      {old.metrics != now.metrics, "metrics"},
      {old.metrics_mode != now.metrics_mode, "metrics_mode"},
      {old.mta_log != now.mta_log, "mta_log"},
  }};
  std::vector<std::string_view> changed;
  for (const auto& [differs, name] : all) {
    if (differs) changed.push_back(name);
  }
  return changed;
}

Result<int> run_program(const Program& program, int argc, const char* const* argv) {
  CommandLine line;
  const auto status = command::parse(
      {.name = program.text.name, .description = program.text.description, .example = program.text.example},
      [&](command::Options& options) { declare(program, options, line); }, argc, argv);
  if (status) return *status;
  TRY(line.check_config ? check_config(program, line) : run(program, line));
  return 0;
}

}  // namespace starttls::daemon
