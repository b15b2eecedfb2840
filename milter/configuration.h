// The configuration of tlsrpt-milter and tlsrpt-report: one TOML file for both (tlsrpt.toml(5)).
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "base/result.h"

namespace starttls::milter {

struct Configuration {
  std::filesystem::path state_dir = "/var/lib/starttls-toolkit/tlsrpt";

  // [milter]
  std::string socket = "unix:/run/tlsrpt-milter/tlsrpt-milter.sock";  // as libmilter writes it
  mode_t socket_mode = 0660;
  std::string socket_group;        // empty: "postfix" where that group exists and we are root
  std::string log = "syslog";      // "syslog" or "stderr"; in the foreground always "stderr"
  std::string log_level = "info";  // "debug", "info", "warning", "error"
  std::filesystem::path pid_file;  // empty: none
  std::chrono::milliseconds sync_interval{1000};
  std::chrono::milliseconds fold_interval{5000};

  // [report]
  std::string organization;  // organization-name of RFC 8460; empty: the host's name
  std::string contact;       // contact-info; empty: postmaster@ the host's name
};

// Reads the given file, or, where none is given, the one in /etc/starttls-toolkit if it exists. Fault::config
// says which line is wrong and why.
Result<Configuration> load_configuration(const std::optional<std::filesystem::path>& file);

}  // namespace starttls::milter
