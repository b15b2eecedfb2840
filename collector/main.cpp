// tlsrpt-collector: records how the TLS handshakes of our own mail server with others ended. See
// tlsrpt-collector(8).

#include <string_view>

#include "base/console.h"
#include "collector/daemon.h"
#include "collector/record.h"
#include "daemon/program.h"

namespace {

using namespace starttls;

constexpr const char* name = "tlsrpt-collector";

const daemon::Program program{
    .text =
        {.name = name,
         .description =
             "Record how the TLS handshakes of outbound mail ended, for TLS reports to other domains.\n"
             "\"tlsrpt-collector record\" records results of other programs",
         .example =
             "tlsrpt-collector -s unix:/var/spool/postfix/tlsrpt/collector.sock --state-dir /var/lib/tlsrpt\n"
             "and in Postfix' main.cf (3.10 and later):\n  smtp_tlsrpt_enable = yes\n"
             "  smtp_tlsrpt_socket_name = tlsrpt/collector.sock"},
    .socket_help = "Receive the results of the mail server at this socket: unix:/PATH",
    .state_dir_help = "Record results in this directory",
    .table = [](config::TlsrptConfig& configuration) -> config::DaemonConfig& {
      return configuration.collector;
    },
    .check_startup = collector::check_startup,
    .run = collector::run_daemon};

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::string_view(argv[1]) == "record")
    return run_main("tlsrpt-collector record", [&] { return collector::run_record(argc - 1, argv + 1); });
  return run_main(name, [&] { return daemon::run_program(program, argc, argv); });
}
