// tlsrpt-report: reports how inbound mail was protected, as tlsrpt-milter recorded it, and what other senders
// report. This file has the table of its commands; the manual is tlsrpt-report(1).

#include "base/log.h"
#include "base/try.h"
#include "report/commands.h"
#include "store/store_config.h"

namespace {

using namespace starttls;
using namespace starttls::report;

Result<Context> load(const command::CommandContext& given) {
  WholeConfiguration whole = TRY(load_whole_configuration(given));
  for (const std::string& warning : store::store_warnings(whole.configuration)) log_warning("{}", warning);
  if (!given.state_dir.empty()) whole.configuration.state_dir = given.state_dir;
  return Context{given, std::move(whole.configuration), std::move(whole.report)};
}

}  // namespace

int main(int argc, char** argv) {
  return command::run_program(
      command::Program<Context>{
          .text = {.name = report::program,
                   .description =
                       "Report how inbound and outbound mail was protected, and what other senders "
                       "report (RFC 8460).",
                   .example = "tlsrpt-report summary --by day"},
          .common = {.default_config = config::default_tlsrpt_config,
                     .state_dir = "Use this state directory (default: as configured)"},
          .groups = {},
          .commands = {self_command(), queue_command(), send_command(), read_command(), receive_command(),
                       summary_command(), html_command(), advise_command(), reconcile_command(),
                       alert_command(), metrics_command(), export_command(), downgrades_command(),
                       forget_command(), doctor_command()},
          .load = load,
          .state_dir = [](const Context& context) { return context.configuration.state_dir; }},
      argc, argv);
}
