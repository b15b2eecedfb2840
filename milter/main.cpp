// tlsrpt-milter: records how each inbound session of the MTA was protected. See tlsrpt-milter(8).

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/console.h"
#include "base/log.h"
#include "command/command_line.h"
#include "config/tlsrpt_toml.h"
#include "milter/daemon.h"

namespace {

using namespace starttls;

constexpr const char* program = "tlsrpt-milter";

struct CommandLine {
  std::optional<std::filesystem::path> configuration;
  std::optional<std::string> socket;
  std::optional<std::filesystem::path> state_dir;
  bool foreground = false;
  bool check_only = false;
};

// The daemon leaves for "/"; what is relative is meant from `folder`, where it was started.
Result<config::TlsrptConfig> configure(const CommandLine& line, const std::filesystem::path& folder,
                                       FileKind kind = FileKind::any) {
  const auto file = line.configuration ? std::optional(folder / *line.configuration) : std::nullopt;
  auto configuration = config::load_tlsrpt_config(file, kind);
  if (!configuration) return configuration;
  if (line.socket) {
    auto socket = config::parse_address(*line.socket);
    if (!socket) return fail(Fault::usage, "-s {}", socket.error().message);
    configuration->socket = std::move(*socket);
  }
  if (line.state_dir) configuration->state_dir = folder / *line.state_dir;
  return configuration;
}

Result<std::filesystem::path> current_folder() {
  std::error_code error;
  auto folder = std::filesystem::current_path(error);
  if (error) return fail(Fault::config, "the current directory: {}", error.message());
  return folder;
}

// Says what is wrong, or that nothing is.
Result<void> check(const CommandLine& line) {
  start_log(program, LogTarget::command);
  const auto folder = current_folder();
  if (!folder) return std::unexpected(folder.error());
  const auto configuration = configure(line, *folder);
  if (!configuration) return std::unexpected(configuration.error());
  if (auto level = set_log_level(configuration->log_level); !level) return level;
  if (auto checked = milter::check_startup(*configuration); !checked) return checked;
  return print(line.configuration ? line.configuration->string() + ": good\n"
                                  : "the configuration is good\n");
}

Result<void> run(const CommandLine& line) {
  const auto folder = current_folder();
  if (!folder) return std::unexpected(folder.error());
  const auto configuration = configure(line, *folder);
  if (!configuration) return std::unexpected(configuration.error());
  if (auto level = set_log_level(configuration->log_level); !level) return level;
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  start_log(program, LogTarget::standard_error);
  milter::DaemonOptions startup{
      .configuration = *configuration,
      // A pipe would have nothing more to say, or block the daemon.
      .reload_configuration = [line, folder = *folder] { return configure(line, folder, FileKind::regular); },
      .clock = *clock,
      .ready = [] {}};
  if (line.foreground) return milter::run_daemon(startup);

  const bool to_syslog = configuration->log == "syslog";
  auto ready = milter::detach(!to_syslog);
  if (!ready) return std::unexpected(ready.error());
  startup.ready = std::move(*ready);
  if (to_syslog) start_log(program, LogTarget::syslog);
  auto done = milter::run_daemon(startup);
  if (!done && to_syslog) log_error("{}", done.error().message);
  return done;
}

Result<int> parse_and_run(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app("Records how each inbound SMTP session of Postfix or Sendmail was protected.", program);
  app.add_option("-c", line.configuration, "Configuration file (default /etc/starttls-toolkit/tlsrpt.toml)")
      ->type_name("FILE");
  app.add_option("-s", line.socket, "Where the MTA connects: unix:/PATH or inet:HOST:PORT")
      ->type_name("SOCKET");
  app.add_option("--state-dir", line.state_dir, "Where sessions are recorded")->type_name("DIR");
  app.add_flag("-f", line.foreground, "Stay in the foreground and log to standard error");
  app.add_flag("--check-config", line.check_only, "Say whether the daemon could start so, and leave");
  app.footer(
      "Example:\n  tlsrpt-milter -s unix:/var/spool/postfix/tlsrpt/milter.sock --state-dir /var/lib/tlsrpt\n"
      "and in Postfix' main.cf:\n  smtpd_milters = unix:tlsrpt/milter.sock\n  milter_default_action = "
      "accept");
  if (const auto status = command::parse_command_line(app, argc, argv)) return *status;
  if (auto done = line.check_only ? check(line) : run(line); !done) return std::unexpected(done.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // libmilter's threads are still there; they must not outlive what static destructors take away.
  const int status = run_main(program, [&] { return parse_and_run(argc, argv); });
  std::cout.flush();
  std::_Exit(status);
}
