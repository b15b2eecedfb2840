// Whether a daemon may read the mail server's log, and follows the right one; pure.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "report/doctor_checks.h"

namespace starttls::report {

// A daemon that follows the log.
struct LogReader {
  std::string_view code;                         // of its checks
  std::string_view section;                      // of tlsrpt.toml, which has its mta_log
  std::string_view service;                      // the name of its unit, without ".service"
  std::string_view why;                          // what is missing without the log
  const std::string& source;                     // mta_log; "": it reads none
  const std::optional<doctor::PathFacts>& file;  // if that is a file
  const std::optional<doctor::UserFacts>& user;  // that reads; none: unknown
};

doctor::Checks log_checks(const InboundFacts& facts, const LogReader& reader);

}  // namespace starttls::report
