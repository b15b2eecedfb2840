// tlsrpt-report: what the inbound sessions that tlsrpt-milter recorded come to. See tlsrpt-report(1).

#include "base/access.h"
#include "base/console.h"
#include "base/log.h"
#include "command/command_line.h"
#include "report/alias.h"
#include "report/commands.h"

namespace {

using namespace starttls;

struct CommandLine {
  std::optional<std::filesystem::path> configuration;
  std::optional<std::filesystem::path> state_dir;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  report::SelfOptions self;
  report::ReadOptions read;
  report::SummaryOptions summary;
  report::HtmlOptions html;
  report::AdviseOptions advise;
  report::ReconcileOptions reconcile;
  report::AlertOptions alert;
  report::QueueOptions queue;
  report::DowngradesOptions downgrades;
  report::ForgetOptions forget;
};

Result<report::Surroundings> surroundings_of(const CommandLine& line, bool is_from_alias) {
  auto whole = report::load_whole_configuration(line.configuration);
  if (!whole) return std::unexpected(whole.error());
  for (const std::string& warning : whole->configuration.warnings) log_warning("{}", warning);
  if (line.state_dir) whole->configuration.state_dir = *line.state_dir;
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  return report::Surroundings{.configuration = std::move(whole->configuration),
                              .report = std::move(whole->report),
                              .clock = *clock,
                              .json = line.json,
                              .quiet = line.quiet,
                              .from_alias = is_from_alias};
}

Result<int> run_command(const CLI::App& app, const CommandLine& line,
                        const report::Surroundings& surroundings) {
  if (app.got_subcommand("self")) return report::run_self(line.self, surroundings);
  if (app.got_subcommand("read")) return report::run_read(line.read, surroundings);
  if (app.got_subcommand("html")) return report::run_html(line.html, surroundings);
  if (app.got_subcommand("advise")) return report::run_advise(line.advise, surroundings);
  if (app.got_subcommand("reconcile")) return report::run_reconcile(line.reconcile, surroundings);
  if (app.got_subcommand("alert")) return report::run_alert(line.alert, surroundings);
  if (app.got_subcommand("queue")) return report::run_queue(line.queue, surroundings);
  if (app.got_subcommand("downgrades")) return report::run_downgrades(line.downgrades, surroundings);
  if (app.got_subcommand("forget")) return report::run_forget(line.forget, surroundings);
  return report::run_summary(line.summary, surroundings);
}

Result<int> run(const CLI::App& app, const CommandLine& line, bool is_from_alias) {
  start_log(report::report_program, is_from_alias ? LogTarget::syslog : LogTarget::command);
  // What makes a command fail is returned; the log has only warnings of what it gets over.
  if (line.quiet && !is_from_alias) set_log_level(LogLevel::off);
  if (line.verbose) set_log_level(LogLevel::debug);
  const auto surroundings = surroundings_of(line, is_from_alias);
  if (!surroundings) {
    const auto file = line.configuration.value_or(config::default_tlsrpt_config);
    return std::unexpected(with_access_advice(surroundings.error(), file, report::report_program));
  }
  auto done = run_command(app, line, *surroundings);
  if (done) return done;
  return std::unexpected(
      with_access_advice(done.error(), surroundings->configuration.state_dir, report::report_program));
}

Result<int> parse_and_run(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app("Reports on the TLS of inbound mail, as tlsrpt-milter recorded it.", report::report_program);
  app.add_option("-c,--config", line.configuration,
                 "Configuration file (default /etc/starttls-toolkit/tlsrpt.toml)")
      ->type_name("FILE");
  app.add_option("--state-dir", line.state_dir, "Where tlsrpt-milter records")->type_name("DIR");
  app.add_flag("--json", line.json, "Answer for machines");
  auto* quiet =
      app.add_flag("-q,--quiet", line.quiet, "Print nothing but the answer and what makes the command fail");
  app.add_flag("-v,--verbose", line.verbose, "Say more on standard error")->excludes(quiet);
  app.require_subcommand(1);
  app.fallthrough();
  report::add_self_command(app, line.self);
  report::add_queue_command(app, line.queue);
  report::add_read_command(app, line.read);
  report::add_summary_command(app, line.summary);
  report::add_html_command(app, line.html);
  report::add_advise_command(app, line.advise);
  report::add_reconcile_command(app, line.reconcile);
  report::add_alert_command(app, line.alert);
  report::add_downgrades_command(app, line.downgrades);
  report::add_forget_command(app, line.forget);
  app.footer("Example:\n  tlsrpt-report summary --by day");
  if (const auto status = command::parse_command_line(app, argc, argv)) return *status;
  if (app.got_subcommand("read") && report::is_alias(line.read, line.quiet, line.json))
    return report::run_for_alias([&] { return run(app, line, true); });
  return run(app, line, false);
}

}  // namespace

int main(int argc, char** argv) {
  return run_main(report::report_program, [&] { return parse_and_run(argc, argv); });
}
