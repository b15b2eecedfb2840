// tlsrpt-report: what the inbound sessions that tlsrpt-milter recorded come to. See tlsrpt-report(1).

#include "base/access.h"
#include "base/cli.h"
#include "base/log.h"
#include "milter/report/alias.h"
#include "milter/report/commands.h"

namespace {

using namespace starttls;

struct CommandLine {
  std::optional<std::filesystem::path> configuration;
  std::optional<std::filesystem::path> state_dir;
  bool json = false;
  bool quiet = false;
  bool verbose = false;
  milter::SelfOptions self;
  milter::ReadOptions read;
  milter::SummaryOptions summary;
  milter::HtmlOptions html;
  milter::AdviseOptions advise;
  milter::ReconcileOptions reconcile;
  milter::AlertOptions alert;
  milter::QueueOptions queue;
  milter::DowngradesOptions downgrades;
  milter::ForgetOptions forget;
};

Result<milter::Surroundings> surroundings_of(const CommandLine& line, bool is_from_alias) {
  auto whole = milter::load_whole_configuration(line.configuration);
  if (!whole) return std::unexpected(whole.error());
  for (const std::string& warning : whole->configuration.warnings) spdlog::warn("{}", warning);
  if (line.state_dir) whole->configuration.state_dir = *line.state_dir;
  const auto clock = program_clock();
  if (!clock) return std::unexpected(clock.error());
  return milter::Surroundings{.configuration = std::move(whole->configuration),
                              .report = std::move(whole->report),
                              .clock = *clock,
                              .json = line.json,
                              .quiet = line.quiet,
                              .from_alias = is_from_alias};
}

Result<int> run_command(const CLI::App& app, const CommandLine& line,
                        const milter::Surroundings& surroundings) {
  if (app.got_subcommand("self")) return milter::run_self(line.self, surroundings);
  if (app.got_subcommand("read")) return milter::run_read(line.read, surroundings);
  if (app.got_subcommand("html")) return milter::run_html(line.html, surroundings);
  if (app.got_subcommand("advise")) return milter::run_advise(line.advise, surroundings);
  if (app.got_subcommand("reconcile")) return milter::run_reconcile(line.reconcile, surroundings);
  if (app.got_subcommand("alert")) return milter::run_alert(line.alert, surroundings);
  if (app.got_subcommand("queue")) return milter::run_queue(line.queue, surroundings);
  if (app.got_subcommand("downgrades")) return milter::run_downgrades(line.downgrades, surroundings);
  if (app.got_subcommand("forget")) return milter::run_forget(line.forget, surroundings);
  return milter::run_summary(line.summary, surroundings);
}

Result<int> run(const CLI::App& app, const CommandLine& line, bool is_from_alias) {
  start_log(milter::report_program, is_from_alias ? LogTarget::syslog : LogTarget::command);
  // What makes a command fail is returned; the log has only warnings of what it gets over.
  if (line.quiet && !is_from_alias) spdlog::set_level(spdlog::level::off);
  if (line.verbose) spdlog::set_level(spdlog::level::debug);
  const auto surroundings = surroundings_of(line, is_from_alias);
  if (!surroundings) {
    const auto file = line.configuration.value_or(milter::default_configuration);
    return std::unexpected(with_access_advice(surroundings.error(), file, milter::report_program));
  }
  auto done = run_command(app, line, *surroundings);
  if (done) return done;
  return std::unexpected(
      with_access_advice(done.error(), surroundings->configuration.state_dir, milter::report_program));
}

Result<int> parse_and_run(int argc, const char* const* argv) {
  CommandLine line;
  CLI::App app("Reports on the TLS of inbound mail, as tlsrpt-milter recorded it.", milter::report_program);
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
  milter::add_self_command(app, line.self);
  milter::add_queue_command(app, line.queue);
  milter::add_read_command(app, line.read);
  milter::add_summary_command(app, line.summary);
  milter::add_html_command(app, line.html);
  milter::add_advise_command(app, line.advise);
  milter::add_reconcile_command(app, line.reconcile);
  milter::add_alert_command(app, line.alert);
  milter::add_downgrades_command(app, line.downgrades);
  milter::add_forget_command(app, line.forget);
  app.footer("Example:\n  tlsrpt-report summary --by day");
  if (const auto status = parse_command_line(app, argc, argv)) return *status;
  if (app.got_subcommand("read") && milter::is_alias(line.read, line.quiet, line.json))
    return milter::run_for_alias([&] { return run(app, line, true); });
  return run(app, line, false);
}

}  // namespace

int main(int argc, char** argv) {
  return guarded(milter::report_program, [&] { return parse_and_run(argc, argv); });
}
