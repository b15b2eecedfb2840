// The arguments of every command of tlsrpt-report.
//
// A command prints its answer to standard output and returns the exit status: 0, or a status in
// tlsrpt-report(1). It returns an Error if there is no answer.
#pragma once

#include <filesystem>

#include "command/command.h"
#include "config/tlsrpt_toml.h"
#include "report/report_configuration.h"

namespace starttls::report {

inline constexpr const char* program = "tlsrpt-report";

struct Context : command::CommandContext {
  config::TlsrptConfig configuration;  // of the file and of --state-dir
  ReportConfiguration report;

  // Whether a mail server passes a mail: see command/alias.h. Then messages go to syslog.
  bool is_from_alias() const { return log == LogTarget::syslog; }
};

using Command = command::Command<Context>;
using command::make_command;
using command::Options;

// The file of cached MTA-STS policies.
inline std::filesystem::path policy_cache(const Context& context) {
  const std::filesystem::path& cache = context.report.discovery.cache;
  return cache.empty() ? context.configuration.state_dir / "mta-sts.sqlite" : cache;
}

}  // namespace starttls::report
