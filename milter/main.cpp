// tlsrpt-milter: records how each inbound session of the MTA was protected. See tlsrpt-milter(8).

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

#include "base/clock.h"
#include "base/console.h"
#include "base/log.h"
#include "base/try.h"
#include "command/command.h"
#include "config/tlsrpt_toml.h"
#include "milter/daemon.h"

namespace {

using namespace starttls;

constexpr const char* program = "tlsrpt-milter";

struct CommandLine {
  std::filesystem::path config;
  std::optional<std::string> socket;
  std::filesystem::path state_dir;
  bool foreground = false;
  bool check_config = false;
  bool quiet = false;
  bool verbose = false;
};

// The daemon changes its directory to "/"; relative paths are relative to `directory`, where it was started.
Result<config::TlsrptConfig> configure(const CommandLine& line, const std::filesystem::path& directory,
                                       FileKind kind = FileKind::any) {
  const auto file = line.config.empty() ? std::nullopt : std::optional(directory / line.config);
  auto config = TRY(config::load_tlsrpt_config(file, kind));
  if (line.socket) {
    auto socket = config::parse_address(*line.socket);
    if (!socket) return fail(Fault::usage, "--socket {}", socket.error().message);
    config.milter.socket = std::move(*socket);
  }
  if (!line.state_dir.empty()) config.state_dir = directory / line.state_dir;
  if (line.quiet) config.milter.log_level = LogLevel::error;
  if (line.verbose) config.milter.log_level = LogLevel::debug;
  return config;
}

Result<std::filesystem::path> current_directory() {
  std::error_code error;
  auto directory = std::filesystem::current_path(error);
  if (error) return fail(Fault::config, "the current directory: {}", error.message());
  return directory;
}

Result<void> check_config(const CommandLine& line) {
  start_log(program, LogTarget::command);
  const auto config = TRY(configure(line, TRY(current_directory())));
  set_log_level(config.milter.log_level);
  TRY(milter::check_startup(config));
  return print(line.config.empty() ? "the configuration is OK\n" : line.config.string() + ": OK\n");
}

Result<void> run(const CommandLine& line) {
  const auto directory = TRY(current_directory());
  const auto config = TRY(configure(line, directory));
  set_log_level(config.milter.log_level);
  const auto clock = TRY(program_clock());
  start_log(program, LogTarget::standard_error);
  milter::DaemonOptions options{
      .configuration = config,
      // A pipe would be at its end, or would block the daemon.
      .reload_configuration = [line, directory] { return configure(line, directory, FileKind::regular); },
      .clock = clock,
      .ready = [] {}};
  if (line.foreground) return milter::run_daemon(options);

  const bool to_syslog = config.milter.log == LogTarget::syslog;
  options.ready = TRY(milter::detach(!to_syslog));
  if (to_syslog) start_log(program, LogTarget::syslog);
  auto done = milter::run_daemon(options);
  if (!done && to_syslog) log_error("{}", done.error().message);
  return done;
}

void declare(command::Options& options, CommandLine& line) {
  command::config_option(options, line.config, config::default_tlsrpt_config);
  options.option("-s,--socket", line.socket, "SOCKET",
                 "Listen for the mail server at this socket: unix:/PATH or inet:HOST:PORT");
  command::state_dir_option(options, line.state_dir, "Record sessions in this directory");
  options.flag("-f,--foreground", line.foreground, "Stay in the foreground and log to standard error");
  options.flag("--check-config", line.check_config, "Check the configuration and exit");
  const auto quiet = options.flag("-q,--quiet", line.quiet, "Log errors only");
  options.flag("-v,--verbose", line.verbose, "Log debugging messages, too").excludes(quiet);
}

Result<int> parse_and_run(int argc, const char* const* argv) {
  CommandLine line;
  const auto status = command::parse(
      {.name = program,
       .description = "Record how each inbound SMTP session of Postfix or Sendmail was protected",
       .example = "tlsrpt-milter -s unix:/var/spool/postfix/tlsrpt/milter.sock --state-dir /var/lib/tlsrpt\n"
                  "and in Postfix' main.cf:\n  smtpd_milters = unix:tlsrpt/milter.sock\n"
                  "  milter_default_action = accept"},
      [&](command::Options& options) { declare(options, line); }, argc, argv);
  if (status) return *status;
  TRY(line.check_config ? check_config(line) : run(line));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // libmilter's threads still run, and may use what static destructors would destroy.
  const int status = run_main(program, [&] { return parse_and_run(argc, argv); });
  std::cout.flush();
  std::_Exit(status);
}
