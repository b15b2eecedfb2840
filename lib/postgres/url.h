// A URL, made ready for libpq. For this component only.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "postgres/postgres.h"

namespace starttls::postgres {

// libpq's connection parameters, for one host.
struct Target {
  std::map<std::string, std::string> parameters;
  std::chrono::milliseconds limit;  // for connecting
};

// One target for each host of the URL, in their order, with the project's defaults for parameters that the
// URL does not set: see security_warnings() for TLS. The trusted authorities are then those of sslrootcert
// (PGSSLROOTCERT), else libpq's own file ~/.postgresql/root.crt, else the system's. Fault::config if the URL
// is invalid, or names a file that is not a regular one. The message shows nothing of its text.
Result<std::vector<Target>> connection_targets(const std::string& url, const Limits& limits);

}  // namespace starttls::postgres
