// tlsrpt-milter: records how each inbound session of the MTA was protected. See tlsrpt-milter(8).

#include <cstdlib>
#include <iostream>

#include "base/console.h"
#include "daemon/program.h"
#include "milter/daemon.h"

namespace {

using namespace starttls;

constexpr const char* name = "tlsrpt-milter";

const daemon::Program program{
    .text = {.name = name,
             .description = "Record how each inbound SMTP session of Postfix or Sendmail was protected",
             .example =
                 "tlsrpt-milter -s unix:/var/spool/postfix/tlsrpt/milter.sock --state-dir /var/lib/tlsrpt\n"
                 "and in Postfix' main.cf:\n  smtpd_milters = unix:tlsrpt/milter.sock\n"
                 "  milter_default_action = accept"},
    .socket_help = "Listen for the mail server at this socket: unix:/PATH or inet:HOST:PORT",
    .state_dir_help = "Record sessions in this directory",
    .table = [](config::TlsrptConfig& configuration) -> config::DaemonConfig& {
      return configuration.milter;
    },
    .check_startup = milter::check_startup,
    .run = milter::run_daemon};

}  // namespace

int main(int argc, char** argv) {
  // libmilter's threads still run, and may use what static destructors would destroy.
  const int status = run_main(name, [&] { return daemon::run_program(program, argc, argv); });
  std::cout.flush();
  std::_Exit(status);
}
