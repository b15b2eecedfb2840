// tlsrpt-milter: records how each inbound session of the MTA was protected. See tlsrpt-milter(8).

#include <unistd.h>

#include <cstdlib>
#include <iostream>

#include "base/cli.h"
#include "base/log.h"
#include "milter/configuration.h"
#include "milter/daemon.h"

namespace {

using namespace starttls;

constexpr const char* program = "tlsrpt-milter";

struct CommandLine {
  std::optional<std::filesystem::path> configuration;
  std::optional<std::string> socket;
  std::optional<std::filesystem::path> state_dir;
  bool foreground = false;
};

Result<milter::Configuration> configure(const CommandLine& line) {
  auto configuration = milter::load_configuration(line.configuration);
  if (!configuration) return configuration;
  if (line.socket) configuration->socket = *line.socket;
  if (line.state_dir) configuration->state_dir = *line.state_dir;
  // The daemon leaves for "/"; what is relative is meant from here.
  std::error_code error;
  configuration->state_dir = std::filesystem::absolute(configuration->state_dir, error);
  if (!error && !configuration->pid_file.empty()) {
    configuration->pid_file = std::filesystem::absolute(configuration->pid_file, error);
  }
  if (error) return fail(Fault::config, "the current directory: {}", error.message());
  return configuration;
}

Result<void> run(const CommandLine& line) {
  const auto configuration = configure(line);
  if (!configuration) return std::unexpected(configuration.error());
  if (auto level = set_log_level(configuration->log_level); !level) return level;
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  start_log(program, LogTarget::standard_error);
  if (line.foreground) return milter::run_daemon(*configuration, *clock, [] {});

  const bool to_syslog = configuration->log == "syslog";
  const auto ready = milter::detach(!to_syslog);
  if (!ready) return std::unexpected(ready.error());
  if (to_syslog) start_log(program, LogTarget::syslog);
  auto done = milter::run_daemon(*configuration, *clock, *ready);
  if (!done && to_syslog) spdlog::error("{}", done.error().message);
  return done;
}

Result<int> parse_and_run(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app("Records how each inbound SMTP session of Postfix or Sendmail was protected.", program);
  app.add_option("-c", line.configuration, "Configuration file (default /etc/starttls-toolkit/tlsrpt.toml)")
      ->type_name("FILE");
  app.add_option("-s", line.socket, "Where the MTA connects: unix:/path or inet:port@host")
      ->type_name("SOCKET");
  app.add_option("--state-dir", line.state_dir, "Where sessions are recorded")->type_name("DIR");
  app.add_flag("-f", line.foreground, "Stay in the foreground and log to standard error");
  app.footer(
      "Example:\n  tlsrpt-milter -s unix:/var/spool/postfix/tlsrpt/milter.sock --state-dir /var/lib/tlsrpt\n"
      "and in Postfix' main.cf:\n  smtpd_milters = unix:tlsrpt/milter.sock\n  milter_default_action = "
      "accept");
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  if (auto done = run(line); !done) return std::unexpected(done.error());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  // libmilter's threads are still there; they must not outlive what static destructors take away.
  const int status = guarded(program, [&] { return parse_and_run(argc, argv); });
  std::cout.flush();
  std::_Exit(status);
}
